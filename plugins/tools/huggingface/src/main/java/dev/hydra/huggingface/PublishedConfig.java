package dev.hydra.huggingface;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigSyntax;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import dev.hydra.api.ConfigException;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A {@code config.json}, or an object in one. A key that is absent or null has the default that the
 * caller names. It remembers which keys were asked for: the others are not understood.
 */
final class PublishedConfig {
  /** No model has more of anything; a number that is wrong must not overflow or take all memory. */
  static final int MOST = 10_000_000;

  private static final String FLOAT = "__float__";

  private static final String REMEDY = "; mend it, or fetch it again";

  /** A text, which stays, or a number that Python writes bare and JSON does not allow. */
  private static final Pattern BARE =
      Pattern.compile("\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+\"|-?Infinity|NaN");

  private final ConfigObject object;
  private final String path;
  private final List<String> warnings;
  private final Set<String> read = new TreeSet<>();

  private PublishedConfig(ConfigObject object, String path, List<String> warnings) {
    this.object = object;
    this.path = path;
    this.warnings = warnings;
  }

  /**
   * Reads a file: JSON, but infinities may be bare, as Python writes them.
   *
   * @throws ConfigException if it is missing or malformed
   */
  static PublishedConfig read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new ConfigException("there is no " + file + "; a published model has a config.json");
    }
    ConfigParseOptions options =
        ConfigParseOptions.defaults()
            .setOriginDescription(file.toString())
            .setSyntax(ConfigSyntax.JSON);
    try {
      String json =
          BARE.matcher(Files.readString(file))
              .replaceAll(
                  match -> {
                    String found = match.group();
                    return Matcher.quoteReplacement(
                        found.startsWith("\"") ? found : "\"" + found + "\"");
                  });
      JsonText.object(json); // says what is wrong in better words than what reads it below
      return new PublishedConfig(
          ConfigFactory.parseString(json, options).root(), "", new ArrayList<>());
    } catch (NotJsonException e) {
      throw unreadable(file + " is " + e.getMessage() + REMEDY, e);
    } catch (com.typesafe.config.ConfigException e) {
      throw unreadable("this cannot be read: " + e.getMessage(), e);
    } catch (IOException e) {
      throw unreadable(file + " cannot be read as text in UTF-8: " + e, e);
    }
  }

  private static ConfigException unreadable(String problem, Exception cause) {
    ConfigException unreadable = new ConfigException(problem);
    unreadable.initCause(cause);
    return unreadable;
  }

  /** An error about a key, with file and line, to throw. */
  ConfigException invalid(String key, String problem) {
    ConfigValue value = object.get(key);
    return new ConfigException((value == null ? object : value).origin(), path + key, problem);
  }

  /** An error about a value that no component offers, to throw. */
  ConfigException unsupported(String key, Object value, String offered) {
    return invalid(key, "= " + value + " is not supported; " + offered);
  }

  private Optional<ConfigValue> value(String key) {
    read.add(key);
    return Optional.ofNullable(object.get(key))
        .filter(value -> value.valueType() != ConfigValueType.NULL);
  }

  /** Whether the key has a value other than null. */
  boolean has(String key) {
    return value(key).isPresent();
  }

  /** Whether there are no keys. */
  boolean isEmpty() {
    return object.isEmpty();
  }

  /** Whether the key is there, be it with null. */
  boolean says(String key) {
    return object.containsKey(key);
  }

  /** Marks keys as understood: whatever they say does not change what the model computes. */
  void harmless(List<String> keys) {
    read.addAll(keys);
  }

  int required(String key) {
    return integer(key).orElseThrow(() -> invalid(key, "is missing"));
  }

  int integer(String key, int otherwise) {
    return integer(key).orElse(otherwise);
  }

  /** A size: a whole number of at least one and at most {@link #MOST}. */
  int size(String key) {
    return within(key, required(key));
  }

  /** A size, or what it is where nothing is said. */
  int size(String key, int otherwise) {
    return integer(key).map(value -> within(key, value)).orElse(otherwise);
  }

  private int within(String key, int value) {
    if (value < 1) {
      throw invalid(key, "= " + value + " must be at least 1");
    }
    if (value > MOST) {
      throw invalid(key, "= " + value + " must be at most " + MOST);
    }
    return value;
  }

  /** A width as many times as a key says, or as many where it says nothing. */
  int expanded(String key, int otherwise, int width) {
    int factor = size(key, otherwise);
    long channels = (long) factor * width;
    if (channels > MOST) {
      throw invalid(
          key, "= %d makes %d channels; at most %d are read".formatted(factor, channels, MOST));
    }
    return (int) channels;
  }

  Optional<Integer> integer(String key) {
    return value(key).map(value -> integer(key, value));
  }

  private int integer(String key, ConfigValue value) {
    if (value.unwrapped() instanceof Number number
        && number.doubleValue() == Math.rint(number.doubleValue())
        && Math.abs(number.doubleValue()) <= Integer.MAX_VALUE) {
      return number.intValue();
    }
    throw invalid(key, "must be a whole number, but is " + value.render());
  }

  double number(String key, double otherwise) {
    return number(key).orElse(otherwise);
  }

  Optional<Double> number(String key) {
    return value(key).map(value -> finite(key, value));
  }

  private double finite(String key, ConfigValue value) {
    double number = number(key, value);
    if (!Double.isFinite(number)) {
      throw invalid(key, "must be a finite number, but is " + value.render());
    }
    return number;
  }

  /** Numbers, also as Python's {@code Infinity} and transformers' {@code {"__float__": ...}}. */
  private double number(String key, ConfigValue value) {
    Object number = value.unwrapped();
    if (value instanceof ConfigObject wrapped && wrapped.containsKey(FLOAT)) {
      number = wrapped.get(FLOAT).unwrapped();
    }
    if (number instanceof Number finite) {
      return finite.doubleValue();
    } else if ("Infinity".equals(number)) {
      return Double.POSITIVE_INFINITY;
    } else if ("-Infinity".equals(number)) {
      return Double.NEGATIVE_INFINITY;
    }
    throw invalid(key, "must be a number, but is " + value.render());
  }

  boolean flag(String key, boolean otherwise) {
    return value(key)
        .map(
            value -> {
              if (value.unwrapped() instanceof Boolean flag) {
                return flag;
              }
              throw invalid(key, "must be true or false, but is " + value.render());
            })
        .orElse(otherwise);
  }

  String text(String key, String otherwise) {
    return value(key).map(value -> String.valueOf(value.unwrapped())).orElse(otherwise);
  }

  /** A list of numbers of a certain length. */
  Optional<List<Double>> numbers(String key, int length) {
    Optional<List<Double>> numbers = list(key, value -> finite(key, value));
    if (numbers.isPresent() && numbers.get().size() != length) {
      throw invalid(key, "must be a list of " + length + " numbers");
    }
    return numbers;
  }

  /** A smallest and a largest number of at least zero; the latter may be infinite. */
  Optional<List<Double>> range(String key) {
    Optional<List<Double>> range = list(key, value -> number(key, value));
    if (range.isPresent()) {
      List<Double> limits = range.get();
      if (limits.size() != 2
          || !Double.isFinite(limits.get(0))
          || limits.get(0) < 0
          || limits.get(1) <= 0
          || limits.get(1) < limits.get(0)) {
        throw invalid(key, "must be a smallest and a largest number, but is " + limits);
      }
    }
    return range;
  }

  Optional<List<Integer>> integers(String key) {
    return list(key, value -> integer(key, value));
  }

  /** A list of whole numbers, or one of them; empty if there are none. */
  List<Integer> oneOrMore(String key) {
    return value(key).filter(value -> value.unwrapped() instanceof Number).isPresent()
        ? List.of(required(key))
        : integers(key).orElse(List.of());
  }

  Optional<List<String>> texts(String key) {
    return list(key, value -> String.valueOf(value.unwrapped()));
  }

  private <T> Optional<List<T>> list(String key, Function<ConfigValue, T> element) {
    return value(key)
        .map(
            value -> {
              if (!(value instanceof com.typesafe.config.ConfigList list)) {
                throw invalid(key, "must be a list, but is " + value.render());
              }
              List<T> elements = new ArrayList<>();
              list.forEach(each -> elements.add(element.apply(each)));
              return List.copyOf(elements);
            });
  }

  Optional<PublishedConfig> object(String key) {
    return value(key)
        .map(
            value -> {
              if (value instanceof ConfigObject inner) {
                return new PublishedConfig(inner, path + key + ".", warnings);
              }
              throw invalid(key, "must be an object, but is " + value.render());
            });
  }

  /** The first key that holds an object. */
  Optional<String> firstObject() {
    return object.entrySet().stream()
        .filter(entry -> entry.getValue() instanceof ConfigObject)
        .map(Map.Entry::getKey)
        .sorted()
        .findFirst();
  }

  /** A whole number, or what {@code "auto"} stands for. */
  int automatic(String key, int otherwise) {
    return text(key, "auto").equals("auto") ? otherwise : integer(key, otherwise);
  }

  /** Notes something that the model's results do not depend on, but its user should know. */
  void warn(String key, String problem) {
    warnings.add(invalid(key, problem).getMessage());
  }

  /** Warns of every key with a value that nobody asked for. */
  void warnOfUnread() {
    object.forEach(
        (key, value) -> {
          if (!read.contains(key) && value.valueType() != ConfigValueType.NULL) {
            warn(key, "is not known here and has no effect");
          }
        });
  }

  /** What there is to know, here and in objects inside. */
  List<String> warnings() {
    return List.copyOf(warnings);
  }
}
