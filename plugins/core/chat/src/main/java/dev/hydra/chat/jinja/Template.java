package dev.hydra.chat.jinja;

import java.math.BigInteger;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A Jinja template, read once and rendered as often as one likes. */
public final class Template {
  /** As many as Jinja's sandbox allows. */
  private static final long MAX_RANGE = 100_000;

  private final Parser.Parsed parsed;
  private final Supplier<LocalDateTime> clock;

  private Template(Parser.Parsed parsed, Supplier<LocalDateTime> clock) {
    this.parsed = parsed;
    this.clock = clock;
  }

  /**
   * Reads a template.
   *
   * @param source its text
   * @param clock the time that {@code strftime_now} tells
   * @throws JinjaException if it is malformed
   */
  public static Template parse(String source, Supplier<LocalDateTime> clock) {
    return new Template(Parser.parse(source), clock);
  }

  /**
   * Renders the template.
   *
   * @param values what its names stand for, as JSON values
   * @throws JinjaException if it fails on them, or raises an exception itself
   */
  public String render(Map<String, ? extends @Nullable Object> values) {
    return render(values, Optional.empty());
  }

  /**
   * Says whether the template marks what the assistant says, by the statement {@code generation}.
   */
  public boolean marksGeneration() {
    return parsed.generates();
  }

  /**
   * Renders the template and tells where its statements {@code generation} have written.
   *
   * @param values what its names stand for, as JSON values
   * @throws JinjaException if it fails on them, or raises an exception itself, or it is not known
   *     where such a statement has written
   */
  public String render(
      Map<String, ? extends @Nullable Object> values, GenerationListener listener) {
    return render(values, Optional.of(listener));
  }

  private String render(
      Map<String, ? extends @Nullable Object> values, Optional<GenerationListener> listener) {
    Scope globals = new Scope(null);
    globals.set(
        "raise_exception",
        (Callable)
            with -> {
              throw new JinjaException(Values.str(with.require(0, "message")));
            });
    globals.set("strftime_now", (Callable) this::now);
    globals.set("namespace", (Callable) with -> new Namespace(entries(with)));
    globals.set("dict", (Callable) Template::entries);
    globals.set("range", (Callable) Template::range);
    Scope scope = new Scope(globals);
    values.forEach((name, value) -> scope.set(name, value(value)));
    StringBuilder out = new StringBuilder();
    listener.ifPresent(each -> GenerationSpans.listen(scope, out, each));
    parsed.body().run(scope, out);
    return out.toString();
  }

  private static Map<String, Object> entries(Arguments with) {
    Map<String, Object> entries = new LinkedHashMap<>();
    for (Object each : with.positional()) {
      if (each instanceof Map<?, ?> map) {
        map.forEach((key, value) -> entries.put(Values.str(key), value));
      }
    }
    entries.putAll(with.named());
    return entries;
  }

  private static List<Object> range(Arguments with) {
    boolean one = with.size() == 1;
    long from = one ? 0 : Values.whole(with.require(0, "start"));
    long to = Values.whole(with.require(one ? 0 : 1, "stop"));
    long step = Values.whole(with.get(2, "step", 1L));
    if (step == 0) {
      throw new JinjaException("range() arg 3 must not be zero");
    }
    if (Math.abs(to - from) / Math.abs(step) > MAX_RANGE) {
      throw new JinjaException("a range has at most " + MAX_RANGE + " elements");
    }
    List<Object> all = new ArrayList<>();
    for (long i = from; step > 0 ? i < to : i > to; i += step) {
      all.add(i);
    }
    return all;
  }

  /** Python's {@code strftime}, for what chat templates print. */
  private Object now(Arguments with) {
    StringBuilder out = new StringBuilder();
    String format = Values.str(with.require(0, "format"));
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c == '%' && i + 1 < format.length()) {
        out.append(field(format.charAt(++i)));
      } else {
        out.append(c);
      }
    }
    return out.toString();
  }

  private String field(char kind) {
    String pattern =
        switch (kind) {
          case 'Y' -> "yyyy";
          case 'y' -> "yy";
          case 'm' -> "MM";
          case 'd' -> "dd";
          case 'H' -> "HH";
          case 'I' -> "hh";
          case 'M' -> "mm";
          case 'S' -> "ss";
          case 'p' -> "a";
          case 'b' -> "MMM";
          case 'B' -> "MMMM";
          case 'a' -> "EEE";
          case 'A' -> "EEEE";
          case 'j' -> "DDD";
          case '%' -> "'%'";
          default -> throw new JinjaException("the time format %" + kind + " is not supported");
        };
    return clock.get().format(DateTimeFormatter.ofPattern(pattern, Locale.US));
  }

  /** Turns a JSON value into one of ours. */
  private static Object value(@Nullable Object json) {
    if (json == null) {
      return None.NONE;
    } else if (json instanceof List<?> list) {
      List<Object> values = new ArrayList<>();
      list.forEach(each -> values.add(value(each)));
      return values;
    } else if (json instanceof Map<?, ?> map) {
      Map<Object, Object> values = new LinkedHashMap<>();
      map.forEach((key, each) -> values.put(key, value(each)));
      return values;
    } else if (json instanceof Float || json instanceof Double) {
      return ((Number) json).doubleValue();
    } else if (json instanceof BigInteger large) {
      return large.bitLength() < Long.SIZE ? (Object) large.longValue() : large;
    } else if (json instanceof Number number) {
      return number.longValue();
    }
    return json;
  }
}
