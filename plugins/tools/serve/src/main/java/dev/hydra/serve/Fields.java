package dev.hydra.serve;

import dev.hydra.api.Names;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The fields of a request, with errors that name them. A field that is null is taken as absent. */
final class Fields {
  private final Map<String, @Nullable Object> values;
  private final String prefix;

  Fields(Map<String, @Nullable Object> values) {
    this(values, "");
  }

  private Fields(Map<String, @Nullable Object> values, String prefix) {
    this.values = values;
    this.prefix = prefix;
  }

  /** Refuses fields that nobody reads: they would be thought to have an effect. */
  void known(Set<String> names) {
    for (String name : values.keySet()) {
      if (!names.contains(name)) {
        String hint =
            Names.nearest(name, names).map(near -> "; did you mean " + near + "?").orElse("");
        throw ApiException.field(prefix + name, "is not a field of this request" + hint);
      }
    }
  }

  /** Refuses a field that is given, as what it asks for is not supported. */
  void unsupported(String name) {
    if (values.get(name) != null) {
      throw ApiException.field(prefix + name, "is not supported; leave it out");
    }
  }

  @Nullable Object any(String name) {
    return values.get(name);
  }

  Optional<String> text(String name) {
    return value(name, String.class, "a string");
  }

  boolean flag(String name, boolean otherwise) {
    return value(name, Boolean.class, "true or false").orElse(otherwise);
  }

  Optional<Fields> object(String name) {
    return value(name, Map.class, "an object")
        .map(
            map -> {
              @SuppressWarnings("unchecked") // names are strings in JSON
              Map<String, @Nullable Object> named = (Map<String, @Nullable Object>) map;
              return new Fields(named, prefix + name + ".");
            });
  }

  Map<String, @Nullable Object> values() {
    return values;
  }

  List<?> list(String name) {
    Optional<List<?>> list = value(name, List.class, "an array").map(each -> (List<?>) each);
    return list.orElse(List.of());
  }

  /** A whole number within bounds. */
  Optional<Integer> integer(String name, int least, int most) {
    Object value = values.get(name);
    if (value == null) {
      return Optional.empty();
    }
    Optional<BigInteger> whole = wholeNumber(value);
    if (whole.filter(number -> within(number, least, most)).isPresent()) {
      return whole.map(BigInteger::intValue);
    }
    throw ApiException.field(
        prefix + name,
        whole.isPresent()
            ? "must be between " + least + " and " + most + ", but is " + value
            : "must be a whole number, but is " + shown(value));
  }

  Optional<Long> whole(String name) {
    Object value = values.get(name);
    if (value == null) {
      return Optional.empty();
    }
    Optional<BigInteger> whole = wholeNumber(value);
    if (whole.filter(number -> within(number, Long.MIN_VALUE, Long.MAX_VALUE)).isPresent()) {
      return whole.map(BigInteger::longValue);
    }
    throw ApiException.field(
        prefix + name, "must be a whole number of 64 bits, but is " + shown(value));
  }

  private static boolean within(BigInteger number, long least, long most) {
    return number.compareTo(BigInteger.valueOf(least)) >= 0
        && number.compareTo(BigInteger.valueOf(most)) <= 0;
  }

  /** Reads a number without fraction, such as 1e6; JSON has no other sort of whole numbers. */
  private static Optional<BigInteger> wholeNumber(Object value) {
    if (value instanceof Double number) {
      return Double.isFinite(number) && number == Math.rint(number)
          ? Optional.of(new BigDecimal(number).toBigInteger())
          : Optional.empty();
    }
    return value instanceof Number
        ? Optional.of(new BigInteger(value.toString()))
        : Optional.empty();
  }

  double number(String name, double least, double most, double otherwise) {
    double found = number(name, otherwise);
    if (!(found >= least && found <= most)) {
      throw ApiException.field(
          prefix + name,
          "must be between " + plain(least) + " and " + plain(most) + ", but is " + plain(found));
    }
    return found;
  }

  /** A number above zero. */
  double positive(String name, double most, double otherwise) {
    double found = number(name, otherwise);
    if (!(found > 0 && found <= most)) {
      throw ApiException.field(
          prefix + name, "must be above 0 and at most " + plain(most) + ", but is " + plain(found));
    }
    return found;
  }

  private double number(String name, double otherwise) {
    Object value = values.get(name);
    if (value == null) {
      return otherwise;
    }
    if (!(value instanceof Number number)) {
      throw ApiException.field(prefix + name, "must be a number, but is " + shown(value));
    }
    return number.doubleValue();
  }

  private static String plain(double number) {
    return number == Math.rint(number) && Math.abs(number) < 1e15
        ? String.valueOf((long) number)
        : String.valueOf(number);
  }

  /** A string or a list of strings. */
  List<String> texts(String name, int most) {
    Object value = values.get(name);
    if (value == null) {
      return List.of();
    }
    List<?> several = value instanceof List<?> list ? list : List.of(value);
    if (several.size() > most) {
      throw ApiException.field(prefix + name, "must not have more than " + most + " strings");
    }
    List<String> texts = new ArrayList<>();
    for (Object each : several) {
      if (!(each instanceof String text) || text.isEmpty()) {
        throw ApiException.field(
            prefix + name, "must be a string that is not empty, or an array of such strings");
      }
      texts.add(text);
    }
    return texts;
  }

  private <T> Optional<T> value(String name, Class<T> type, String form) {
    Object value = values.get(name);
    if (value != null && !type.isInstance(value)) {
      throw ApiException.field(prefix + name, "must be " + form + ", but is " + shown(value));
    }
    return Optional.ofNullable(value).map(type::cast);
  }

  /** What a value is, not all of it. */
  static String shown(@Nullable Object value) {
    if (value instanceof String) {
      return "a string";
    }
    if (value instanceof List) {
      return "an array";
    }
    return value instanceof Map ? "an object" : String.valueOf(value);
  }
}
