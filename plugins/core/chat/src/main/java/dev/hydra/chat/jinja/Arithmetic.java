package dev.hydra.chat.jinja;

import java.util.ArrayList;
import java.util.List;

/** Operators on two values, with Python's rules. */
final class Arithmetic {
  private Arithmetic() {}

  static Object apply(String operator, Object a, Object b) {
    if (a instanceof Undefined nothing) {
      throw nothing.error();
    } else if (b instanceof Undefined nothing) {
      throw nothing.error();
    }
    return switch (operator) {
      case "+" -> add(a, b);
      case "*" -> multiply(a, b);
      case "%" -> a instanceof String ? format(a, b) : numbers(operator, a, b);
      default -> numbers(operator, a, b);
    };
  }

  static Object negative(Object value) {
    return value instanceof Double number ? (Object) (-number) : apply("-", 0L, value);
  }

  private static Object add(Object a, Object b) {
    if (a instanceof String one) {
      if (b instanceof String other) {
        return one + other;
      }
      throw new JinjaException("can only concatenate str (not \"" + Values.type(b) + "\") to str");
    } else if (a instanceof List<?> one) {
      if (b instanceof List<?> other) {
        List<Object> both = new ArrayList<>(one);
        both.addAll(other);
        return both;
      }
      throw new JinjaException(
          "can only concatenate list (not \"" + Values.type(b) + "\") to list");
    }
    return numbers("+", a, b);
  }

  private static Object multiply(Object a, Object b) {
    Object many = a instanceof Long ? b : a;
    Object times = a instanceof Long ? a : b;
    if (times instanceof Long count && many instanceof String text) {
      return text.repeat((int) Math.max(0, count));
    } else if (times instanceof Long count && many instanceof List<?> list) {
      List<Object> all = new ArrayList<>();
      for (long i = 0; i < count; i++) {
        all.addAll(list);
      }
      return all;
    }
    return numbers("*", a, b);
  }

  private static Object numbers(String operator, Object a, Object b) {
    if (!Values.isNumber(a) || !Values.isNumber(b)) {
      throw new JinjaException(
          "unsupported operand type(s) for "
              + operator
              + ": '"
              + Values.type(a)
              + "' and '"
              + Values.type(b)
              + "'");
    }
    boolean whole = !(a instanceof Double) && !(b instanceof Double);
    if (whole && !operator.equals("/") && !operator.equals("**")) {
      return whole(operator, Values.whole(a), Values.whole(b));
    }
    double x = Values.number(a);
    double y = Values.number(b);
    if (y == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
      throw new JinjaException("division by zero");
    }
    return switch (operator) {
      case "+" -> x + y;
      case "-" -> x - y;
      case "*" -> x * y;
      case "/" -> x / y;
      case "//" -> Math.floor(x / y);
      case "%" -> x - y * Math.floor(x / y);
      default -> {
        double power = Math.pow(x, y);
        if (whole && y >= 0) {
          yield (Object) (long) power;
        }
        yield (Object) power;
      }
    };
  }

  private static Object whole(String operator, long a, long b) {
    if (b == 0 && (operator.equals("//") || operator.equals("%"))) {
      throw new JinjaException("integer division or modulo by zero");
    }
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "//" -> Math.floorDiv(a, b);
      default -> Math.floorMod(a, b);
    };
  }

  /** Python's {@code %} on texts, for {@code %s} and {@code %d}. */
  static Object format(Object text, Object values) {
    List<?> all = values instanceof List<?> list ? list : List.of(values);
    StringBuilder out = new StringBuilder();
    String pattern = Values.str(text);
    int next = 0;
    for (int i = 0; i < pattern.length(); i++) {
      char c = pattern.charAt(i);
      if (c != '%' || i + 1 == pattern.length()) {
        out.append(c);
        continue;
      }
      char kind = pattern.charAt(++i);
      if (kind == '%') {
        out.append('%');
      } else if ((kind == 's' || kind == 'd') && next < all.size()) {
        out.append(Values.str(all.get(next++)));
      } else {
        throw new JinjaException("the format %" + kind + " is not supported, or has no argument");
      }
    }
    return out.toString();
  }
}
