package dev.hydra.api;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Predicate;

/**
 * One key of a configuration: its name, type, range, default and meaning. The same declaration
 * reads the value, refuses a wrong one and documents it. Options are constants:
 *
 * <pre>{@code
 * static final Option<Integer> STATE =
 *     Option.integer("state", "state size per head").atLeast(1).orElse(64);
 * }</pre>
 *
 * @param <T> the type of the value
 */
public final class Option<T> {
  /** A value that an option does not take; {@link Settings} adds file, line and path. */
  static final class Unreadable extends RuntimeException {
    private static final long serialVersionUID = 1;

    final String problem;

    Unreadable(String problem) {
      super(problem);
      this.problem = problem;
    }

    Unreadable(String problem, Throwable cause) {
      super(problem, cause);
      this.problem = problem;
    }
  }

  @FunctionalInterface
  private interface Reader<T> {
    T read(ConfigValue value);
  }

  private final String name;
  private final String type;
  private final String doc;
  private final Reader<T> reader;
  private final Optional<T> absent;
  private final String absentText;

  private Option(
      String name,
      String type,
      String doc,
      Reader<T> reader,
      Optional<T> absent,
      String absentText) {
    this.name = name;
    this.type = type;
    this.doc = doc;
    this.reader = reader;
    this.absent = absent;
    this.absentText = absentText;
  }

  private static <T> Option<T> of(String name, String type, String doc, Reader<T> reader) {
    return new Option<>(name, type, doc, reader, Optional.empty(), "required");
  }

  /** Declares a whole number. */
  public static Option<Integer> integer(String name, String doc) {
    return of(name, "whole number", doc, value -> whole(value, "a whole number"));
  }

  /** Declares a list of whole numbers. */
  public static Option<List<Integer>> integers(String name, String doc) {
    return list(name, "list of whole numbers", doc, Option::whole);
  }

  private static int whole(ConfigValue value, String expected) {
    double number = number(value, expected);
    if (number != Math.rint(number)) {
      throw wrong(expected, value);
    }
    if (Math.abs(number) > Integer.MAX_VALUE) {
      throw new Unreadable(
          written(value)
              + (number > 0
                  ? " is too large: a whole number of at most 2,147,483,647"
                  : " is too small: a whole number of at least -2,147,483,647"));
    }
    return (int) number;
  }

  private static <E> Option<List<E>> list(
      String name, String type, String doc, BiFunction<ConfigValue, String, E> element) {
    String expected = "a " + type;
    return of(
        name,
        type,
        doc,
        value -> {
          if (!(value instanceof ConfigList list)) {
            throw wrong(expected, value);
          }
          return list.stream().map(each -> element.apply(each, expected)).toList();
        });
  }

  /** Declares a number. */
  public static Option<Double> decimal(String name, String doc) {
    return of(name, "number", doc, value -> number(value, "a number"));
  }

  /** Declares a list of numbers. */
  public static Option<List<Double>> decimals(String name, String doc) {
    return list(name, "list of numbers", doc, Option::number);
  }

  /** Declares a flag, true or false. */
  public static Option<Boolean> flag(String name, String doc) {
    return of(
        name,
        "true or false",
        doc,
        value -> {
          if (value.unwrapped() instanceof Boolean flag) {
            return flag;
          }
          throw wrong("true or false", value);
        });
  }

  /** Declares a text. */
  public static Option<String> text(String name, String doc) {
    return of(name, "text", doc, value -> string(value, "a text"));
  }

  /** Declares a choice among the constants of an enum, written in lower case with hyphens. */
  public static <E extends Enum<E>> Option<E> choice(String name, Class<E> choices, String doc) {
    TreeMap<String, E> known = new TreeMap<>();
    for (E constant : choices.getEnumConstants()) {
      known.put(constant.name().toLowerCase(Locale.ROOT).replace('_', '-'), constant);
    }
    return of(
        name,
        String.join(" | ", known.keySet()),
        doc,
        value -> {
          String text = String.valueOf(value.unwrapped());
          E constant = known.get(text);
          if (constant == null) {
            throw new Unreadable(Names.unknown("value", text, known.keySet()));
          }
          return constant;
        });
  }

  /**
   * Declares a value that its reader checks, as options cannot express its type.
   *
   * @param type the type in words
   */
  public static Option<ConfigValue> any(String name, String type, String doc) {
    return of(name, type, doc, value -> value);
  }

  /** Declares a list of texts; a single text is a list of one. */
  public static Option<List<String>> texts(String name, String doc) {
    return of(
        name,
        "list of texts",
        doc,
        value -> {
          if (value.unwrapped() instanceof List<?> list) {
            List<String> texts = new ArrayList<>();
            for (Object element : list) {
              if (!(element instanceof String text)) {
                throw wrong("a list of texts", value);
              }
              texts.add(text);
            }
            return List.copyOf(texts);
          }
          return List.of(string(value, "a list of texts"));
        });
  }

  /** Declares a time span with its unit, such as {@code 90 s}, {@code 3 minutes} or {@code 2 h}. */
  public static Option<Duration> duration(String name, String doc) {
    return of(
        name,
        "duration",
        doc,
        value -> {
          try {
            // HOCON would take a text without a unit for milliseconds.
            if (value.unwrapped() instanceof String text && text.matches(".*[a-zA-Z]\\s*")) {
              return value.atKey("value").getDuration("value");
            }
          } catch (com.typesafe.config.ConfigException e) {
            throw new Unreadable(
                "must be a duration with its unit (such as 90 s), but is " + written(value), e);
          }
          throw wrong("a duration with its unit (such as 90 s)", value);
        });
  }

  /** Declares a nested component; its default is the type named here with default options. */
  public static <C> Option<ChildConfig<C>> component(Role role, String defaultType, String doc) {
    ChildConfig<C> fallback =
        new ChildConfig<>(
            role, ConfigFactory.parseString("type = \"" + defaultType + "\"", origin(role.key())));
    return Option.<ChildConfig<C>>of(
            role.key(),
            role.key(),
            doc,
            value -> {
              if (value instanceof ConfigObject object) {
                return new ChildConfig<>(role, object.toConfig());
              }
              throw wrong("an object { type = ... }", value);
            })
        .orElse(fallback, defaultType);
  }

  /**
   * Declares a plugin of some kind: its name, or an object with its name as {@code type} and its
   * options; the value is always the object, for {@link Choice#of}.
   */
  public static Option<Config> plugin(String name, String defaultType, String doc) {
    Config fallback = ConfigFactory.parseString("type = \"" + defaultType + "\"", origin(name));
    return Option.<Config>of(
            name,
            "name or { type = name, options }",
            doc,
            value -> {
              if (value instanceof ConfigObject object) {
                return object.toConfig();
              }
              string(value, "a name or an object { type = ... }");
              return ConfigFactory.empty()
                  .root()
                  .withOrigin(value.origin())
                  .withValue("type", value)
                  .toConfig();
            })
        .orElse(fallback, defaultType);
  }

  private static ConfigParseOptions origin(String key) {
    return ConfigParseOptions.defaults().setOriginDescription("default " + key);
  }

  /** Returns this option with a default. */
  public Option<T> orElse(T value) {
    String text = value instanceof Enum<?> e ? e.name() : value.toString();
    if (value instanceof Duration time) {
      text = time.toMillis() % 1000 == 0 ? time.toSeconds() + " s" : time.toMillis() + " ms";
    }
    return orElse(value, text.toLowerCase(Locale.ROOT).replace('_', '-'));
  }

  private Option<T> orElse(T value, String text) {
    return new Option<>(name, type, doc, reader, Optional.of(value), text);
  }

  /** Returns this option, which may be left out; {@code otherwise} says what happens then. */
  public Option<Optional<T>> optional(String otherwise) {
    return new Option<>(
        name,
        type,
        doc,
        value -> Optional.of(reader.read(value)),
        Optional.of(Optional.empty()),
        otherwise);
  }

  /**
   * Returns this option with a condition on its value.
   *
   * @param condition what must hold
   * @param text the condition in words, continuing "must be", such as {@code at least 1}
   */
  public Option<T> where(Predicate<T> condition, String text) {
    return new Option<>(
        name,
        type + " (" + text + ")",
        doc,
        value -> {
          T read = reader.read(value);
          if (!condition.test(read)) {
            throw new Unreadable("must be " + text + ", but is " + value.unwrapped());
          }
          return read;
        },
        absent,
        absentText);
  }

  /** Returns this option with a smallest value; for numbers. */
  public Option<T> atLeast(T minimum) {
    return where(value -> compare(value, minimum) >= 0, "at least " + minimum);
  }

  /** Returns this option with a smallest and a largest value; for numbers. */
  public Option<T> between(T minimum, T maximum) {
    return where(
        value -> compare(value, minimum) >= 0 && compare(value, maximum) <= 0,
        "between " + minimum + " and " + maximum);
  }

  private static <T> int compare(T a, T b) {
    return Double.compare(((Number) a).doubleValue(), ((Number) b).doubleValue());
  }

  /** Returns the key. */
  public String name() {
    return name;
  }

  /** Returns the type and range in words, for documentation and messages. */
  public String type() {
    return type;
  }

  /** Returns what the option means, in a few words. */
  public String doc() {
    return doc;
  }

  /**
   * Returns what holds when the option is left out, in words; {@code required} if it must not be.
   */
  public String otherwise() {
    return absentText;
  }

  /** Reads a value; throws {@link Unreadable} if the option does not take it. */
  T read(ConfigValue value) {
    return reader.read(value);
  }

  /** Returns the value that holds when the option is left out; empty if it must not be. */
  Optional<T> absent() {
    return absent;
  }

  @Override
  public String toString() {
    return name;
  }

  private static double number(ConfigValue value, String expected) {
    if (value.unwrapped() instanceof Number number && Double.isFinite(number.doubleValue())) {
      return number.doubleValue();
    }
    throw wrong(expected, value);
  }

  private static String string(ConfigValue value, String expected) {
    if (value.valueType() == ConfigValueType.STRING
        || value.valueType() == ConfigValueType.NUMBER) {
      return value.atKey("text").getString("text"); // as it was written
    }
    throw wrong(expected, value);
  }

  private static Unreadable wrong(String expected, ConfigValue value) {
    return new Unreadable("must be " + expected + ", but is " + written(value));
  }

  private static String written(ConfigValue value) {
    return value.render(ConfigRenderOptions.concise());
  }
}
