package dev.hydra.chat.jinja;

import java.util.List;
import java.util.Locale;

/** Jinja's filters of texts. */
final class TextFilters {
  private static final int INDENT = 4;

  private TextFilters() {}

  static Object apply(String name, Object value, Arguments with) {
    String text = Values.str(value);
    return switch (name) {
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "title" -> Methods.title(text);
      case "capitalize" -> Methods.capitalize(text);
      case "trim" -> Methods.strip(text, with, true, true);
      case "safe" -> text;
      case "escape", "e" -> escape(text);
      case "replace" ->
          Methods.replace(
              text,
              Values.str(with.require(0, "old")),
              Values.str(with.require(1, "new")),
              with.get(2, "count", None.NONE) == None.NONE
                  ? -1
                  : Values.whole(with.require(2, "count")));
      case "indent" -> indent(text, with);
      case "format" -> Arithmetic.format(text, with.positional());
      case "wordcount" -> (long) (text.isBlank() ? 0 : text.strip().split("\\s+").length);
      case "truncate" -> truncate(text, with);
      default -> throw new JinjaException("No filter named '" + name + "'");
    };
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }

  private static String indent(String text, Arguments with) {
    Object width = with.get(0, "width", (long) INDENT);
    String by = width instanceof String given ? given : " ".repeat((int) Values.whole(width));
    boolean first = Values.truthy(with.get(1, "first", false));
    boolean blank = Values.truthy(with.get(2, "blank", false));
    List<String> lines = List.of(text.split("\n", -1));
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < lines.size(); i++) {
      boolean empty = lines.get(i).isBlank() && !blank;
      out.append(i == 0 ? "" : "\n").append((i == 0 && !first) || (i > 0 && empty) ? "" : by);
      out.append(lines.get(i));
    }
    return out.toString();
  }

  /** Cuts a text as Jinja does, which leaves one alone that is at most {@code leeway} too long. */
  private static String truncate(String text, Arguments with) {
    int length = (int) Values.whole(with.get(0, "length", 255L));
    boolean words = Values.truthy(with.get(1, "killwords", false));
    String end = Values.str(with.get(2, "end", "..."));
    long leeway = Values.whole(with.get(3, "leeway", 5L));
    if (text.length() <= length + leeway) {
      return text;
    }
    String cut = text.substring(0, length - end.length());
    int space = cut.lastIndexOf(' ');
    return (words || space < 0 ? cut : cut.substring(0, space)) + end;
  }
}
