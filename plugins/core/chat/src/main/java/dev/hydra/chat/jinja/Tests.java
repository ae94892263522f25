package dev.hydra.chat.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Jinja's tests, what follows {@code is}. */
final class Tests {
  private Tests() {}

  static boolean apply(String name, Object value, Arguments with) {
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == None.NONE;
      case "string" -> value instanceof String;
      case "number" -> Values.isNumber(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "mapping" -> value instanceof Map<?, ?>;
      case "sequence" ->
          value instanceof List<?> || value instanceof Map<?, ?> || value instanceof String;
      case "iterable" ->
          value instanceof List<?>
              || value instanceof Map<?, ?>
              || value instanceof String
              || value instanceof Undefined;
      case "callable" -> value instanceof Callable;
      case "odd" -> Values.whole(value) % 2 != 0;
      case "even" -> Values.whole(value) % 2 == 0;
      case "divisibleby" -> Values.whole(value) % Values.whole(with.require(0, "num")) == 0;
      case "lower" -> Values.str(value).equals(Values.str(value).toLowerCase(Locale.ROOT));
      case "upper" -> Values.str(value).equals(Values.str(value).toUpperCase(Locale.ROOT));
      case "sameas" -> value == with.require(0, "other") || same(value, with);
      case "in" -> Values.contains(with.require(0, "seq"), value);
      case "eq", "equalto", "==" -> Values.equal(value, with.require(0, "other"));
      case "ne", "!=" -> !Values.equal(value, with.require(0, "other"));
      case "lt", "lessthan", "<" -> Values.compare(value, with.require(0, "other"), "<") < 0;
      case "le", "<=" -> Values.compare(value, with.require(0, "other"), "<=") <= 0;
      case "gt", "greaterthan", ">" -> Values.compare(value, with.require(0, "other"), ">") > 0;
      case "ge", ">=" -> Values.compare(value, with.require(0, "other"), ">=") >= 0;
      default -> throw new JinjaException("No test named '" + name + "'");
    };
  }

  private static boolean same(Object value, Arguments with) {
    return !(value instanceof List<?> || value instanceof Map<?, ?>)
        && value.equals(with.require(0, "other"));
  }
}
