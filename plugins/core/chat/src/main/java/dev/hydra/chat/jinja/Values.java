package dev.hydra.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Python's view of values: String, Long, Double, Boolean, List, Map, {@link None} and those of this
 * package.
 */
final class Values {
  private Values() {}

  static boolean truthy(Object value) {
    if (value instanceof Boolean flag) {
      return flag;
    } else if (value instanceof String text) {
      return !text.isEmpty();
    } else if (value instanceof Number number) {
      return number.doubleValue() != 0;
    } else if (value instanceof List<?> list) {
      return !list.isEmpty();
    } else if (value instanceof Map<?, ?> map) {
      return !map.isEmpty();
    }
    return value != None.NONE && !(value instanceof Undefined);
  }

  /** Returns the name of the value's type in Python. */
  static String type(Object value) {
    if (value instanceof String) {
      return "str";
    } else if (value instanceof Boolean) {
      return "bool";
    } else if (value instanceof Double) {
      return "float";
    } else if (value instanceof Number) {
      return "int";
    } else if (value instanceof List<?>) {
      return "list";
    } else if (value instanceof Map<?, ?>) {
      return "dict";
    } else if (value == None.NONE) {
      return "NoneType";
    }
    return value instanceof Undefined ? "Undefined" : "object";
  }

  /** Returns the text that is printed, as Python's {@code str}. */
  static String str(Object value) {
    if (value instanceof String text) {
      return text;
    }
    return value instanceof Undefined ? "" : repr(value);
  }

  /** Returns the text of a value inside a list, as Python's {@code repr}. */
  static String repr(Object value) {
    if (value instanceof String text) {
      return quoted(text);
    } else if (value instanceof Boolean flag) {
      return flag ? "True" : "False";
    } else if (value == None.NONE) {
      return "None";
    } else if (value instanceof Double number) {
      return decimal(number);
    } else if (value instanceof List<?> list) {
      return "[" + String.join(", ", list.stream().map(Values::repr).toList()) + "]";
    } else if (value instanceof Map<?, ?> map) {
      List<String> entries = new ArrayList<>();
      map.forEach((key, each) -> entries.add(repr(key) + ": " + repr(each)));
      return "{" + String.join(", ", entries) + "}";
    }
    return value instanceof Undefined ? "Undefined" : Objects.toString(value);
  }

  /** Python's shortest text of a float: with an exponent from 1e16 on and below 1e-4. */
  static String decimal(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return Double.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    }
    double size = Math.abs(value);
    java.math.BigDecimal exact = new java.math.BigDecimal(Double.toString(value));
    if (size == 0 || (size >= 1e-4 && size < 1e16)) {
      String plain = exact.stripTrailingZeros().toPlainString();
      String signed = size == 0 && 1 / value < 0 ? "-0" : plain;
      return signed.indexOf('.') < 0 ? signed + ".0" : signed;
    }
    java.math.BigDecimal digits = exact.stripTrailingZeros();
    String all = digits.unscaledValue().abs().toString();
    int exponent = all.length() - 1 - digits.scale();
    String mantissa = all.length() == 1 ? all : all.charAt(0) + "." + all.substring(1);
    return (value < 0 ? "-" : "")
        + mantissa
        + "e"
        + (exponent < 0 ? "-" : "+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }

  private static String quoted(String text) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder out = new StringBuilder().append(quote);
    text.codePoints()
        .forEach(
            c -> {
              if (c == quote || c == '\\') {
                out.append('\\').appendCodePoint(c);
              } else if (c == '\n' || c == '\r' || c == '\t') {
                out.append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
              } else if (c < 32 || c == 127) {
                out.append(String.format("\\x%02x", c));
              } else {
                out.appendCodePoint(c);
              }
            });
    return out.append(quote).toString();
  }

  static boolean equal(Object a, Object b) {
    if (isNumber(a) && isNumber(b)) {
      return number(a) == number(b);
    } else if (a instanceof List<?> one && b instanceof List<?> other) {
      if (one.size() != other.size()) {
        return false;
      }
      for (int i = 0; i < one.size(); i++) {
        if (!equal(one.get(i), other.get(i))) {
          return false;
        }
      }
      return true;
    } else if (a instanceof Undefined) {
      return b instanceof Undefined;
    }
    return a.equals(b);
  }

  static int compare(Object a, Object b, String operator) {
    if (a instanceof String one && b instanceof String other) {
      return one.compareTo(other);
    } else if (isNumber(a) && isNumber(b)) {
      return Double.compare(number(a), number(b));
    } else if (a instanceof Undefined nothing) {
      throw nothing.error();
    } else if (b instanceof Undefined nothing) {
      throw nothing.error();
    }
    throw new JinjaException(
        "'"
            + operator
            + "' not supported between instances of '"
            + type(a)
            + "' and '"
            + type(b)
            + "'");
  }

  /** Says whether a value counts as a number; Python's booleans do. */
  static boolean isNumber(Object value) {
    return value instanceof Number || value instanceof Boolean;
  }

  static double number(Object value) {
    if (value instanceof Boolean flag) {
      return flag ? 1 : 0;
    } else if (value instanceof Number number) {
      return number.doubleValue();
    } else if (value instanceof Undefined nothing) {
      throw nothing.error();
    }
    throw new JinjaException("a number is needed, not '" + type(value) + "'");
  }

  static long whole(Object value) {
    if (value instanceof Double || !isNumber(value)) {
      throw new JinjaException("a whole number is needed, not '" + type(value) + "'");
    }
    return value instanceof Number number ? number.longValue() : (long) number(value);
  }

  /** Returns the elements that a loop goes over. */
  static List<Object> elements(Object value) {
    if (value instanceof List<?> list) {
      return new ArrayList<>(list);
    } else if (value instanceof Map<?, ?> map) {
      return new ArrayList<>(map.keySet());
    } else if (value instanceof String text) {
      return new ArrayList<>(text.codePoints().mapToObj(Character::toString).toList());
    } else if (value instanceof Undefined) {
      return List.of();
    }
    throw new JinjaException("'" + type(value) + "' object is not iterable");
  }

  static long length(Object value) {
    if (value instanceof Undefined) {
      return 0;
    } else if (value instanceof String text) {
      return text.codePointCount(0, text.length());
    } else if (value instanceof List<?> || value instanceof Map<?, ?>) {
      return elements(value).size();
    }
    throw new JinjaException("object of type '" + type(value) + "' has no len()");
  }

  static boolean contains(Object all, Object one) {
    if (all instanceof String text) {
      if (one instanceof String part) {
        return text.contains(part);
      }
      throw new JinjaException("'in <string>' requires string as left operand, not " + type(one));
    }
    return elements(all).stream().anyMatch(each -> equal(each, one));
  }
}
