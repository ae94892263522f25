package dev.hydra.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Writes JSON as Python's {@code json.dumps} with {@code ensure_ascii=False}. */
record Json(int indent, String itemSeparator, String keySeparator, boolean sorted) {
  String write(Object value) {
    StringBuilder out = new StringBuilder();
    write(value, 0, out);
    return out.toString();
  }

  private void write(Object value, int depth, StringBuilder out) {
    if (value instanceof String text) {
      quote(text, out);
    } else if (value instanceof Boolean || value == None.NONE) {
      out.append(value == None.NONE ? "null" : value.toString());
    } else if (value instanceof Double number) {
      out.append(
          number.isNaN()
              ? "NaN"
              : number.isInfinite() ? (number > 0 ? "Infinity" : "-Infinity") : text(number));
    } else if (value instanceof Number) {
      out.append(value);
    } else if (value instanceof List<?> list) {
      all(new ArrayList<Object>(list), '[', ']', depth, out);
    } else if (value instanceof Map<?, ?> map) {
      List<Object> entries = new ArrayList<>(map.entrySet());
      if (sorted) {
        entries.sort((a, b) -> key(a).compareTo(key(b)));
      }
      all(entries, '{', '}', depth, out);
    } else {
      throw new JinjaException(
          "Object of type " + Values.type(value) + " is not JSON serializable");
    }
  }

  private static String text(double number) {
    return Values.decimal(number);
  }

  private static String key(Object entry) {
    return Values.str(((Map.Entry<?, ?>) entry).getKey());
  }

  private void all(List<Object> items, char open, char close, int depth, StringBuilder out) {
    out.append(open);
    for (int i = 0; i < items.size(); i++) {
      if (i > 0) {
        out.append(itemSeparator);
      }
      line(depth + 1, out);
      if (items.get(i) instanceof Map.Entry<?, ?> entry) {
        quote(Values.str(entry.getKey()), out);
        out.append(keySeparator);
        write(entry.getValue(), depth + 1, out);
      } else {
        write(items.get(i), depth + 1, out);
      }
    }
    if (!items.isEmpty()) {
      line(depth, out);
    }
    out.append(close);
  }

  private void line(int depth, StringBuilder out) {
    if (indent >= 0) {
      out.append('\n').append(" ".repeat(indent * depth));
    }
  }

  private static void quote(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < 32) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
