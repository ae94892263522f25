package dev.hydra.chat.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** The methods of Python's texts, lists and dictionaries. */
final class Methods {
  private Methods() {}

  static Optional<Callable> of(Object value, String name) {
    if (value instanceof String text) {
      return Optional.ofNullable(TEXT.get(name)).map(method -> with -> method.call(text, with));
    } else if (value instanceof Map<?, ?> map) {
      return Optional.ofNullable(DICT.get(name)).map(method -> with -> method.call(map, with));
    } else if (value instanceof List<?> list) {
      return Optional.ofNullable(LIST.get(name)).map(method -> with -> method.call(list, with));
    }
    return Optional.empty();
  }

  @FunctionalInterface
  private interface Method<T> {
    Object call(T self, Arguments with);
  }

  private static final Map<String, Method<String>> TEXT = new LinkedHashMap<>();
  private static final Map<String, Method<Map<?, ?>>> DICT = new LinkedHashMap<>();
  private static final Map<String, Method<List<?>>> LIST = new LinkedHashMap<>();

  static {
    TEXT.put("strip", (self, with) -> strip(self, with, true, true));
    TEXT.put("lstrip", (self, with) -> strip(self, with, true, false));
    TEXT.put("rstrip", (self, with) -> strip(self, with, false, true));
    TEXT.put("upper", (self, with) -> self.toUpperCase(Locale.ROOT));
    TEXT.put("lower", (self, with) -> self.toLowerCase(Locale.ROOT));
    TEXT.put("title", (self, with) -> title(self));
    TEXT.put("capitalize", (self, with) -> capitalize(self));
    TEXT.put("split", (self, with) -> split(self, with, false));
    TEXT.put("rsplit", (self, with) -> split(self, with, true));
    TEXT.put("splitlines", (self, with) -> new ArrayList<Object>(self.lines().toList()));
    TEXT.put("startswith", (self, with) -> any(with.require(0, "prefix"), self::startsWith));
    TEXT.put("endswith", (self, with) -> any(with.require(0, "suffix"), self::endsWith));
    TEXT.put("replace", (self, with) -> replace(self, with));
    TEXT.put("find", (self, with) -> index(self, self.indexOf(text(with, 0, "sub"))));
    TEXT.put("rfind", (self, with) -> index(self, self.lastIndexOf(text(with, 0, "sub"))));
    TEXT.put("count", (self, with) -> count(self, text(with, 0, "sub")));
    TEXT.put("join", (self, with) -> Filters.join(with.require(0, "iterable"), self));
    TEXT.put("format", (self, with) -> format(self, with));
    TEXT.put("removeprefix", (self, with) -> removePrefix(self, text(with, 0, "prefix")));
    TEXT.put("removesuffix", (self, with) -> removeSuffix(self, text(with, 0, "suffix")));
    TEXT.put("isdigit", (self, with) -> all(self, Character::isDigit));
    TEXT.put("isalpha", (self, with) -> all(self, Character::isLetter));
    TEXT.put("isalnum", (self, with) -> all(self, Character::isLetterOrDigit));
    TEXT.put("isspace", (self, with) -> all(self, Character::isWhitespace));
    TEXT.put("isupper", (self, with) -> self.equals(self.toUpperCase(Locale.ROOT)) && cased(self));
    TEXT.put("islower", (self, with) -> self.equals(self.toLowerCase(Locale.ROOT)) && cased(self));
    DICT.put("items", (self, with) -> items(self));
    DICT.put("keys", (self, with) -> new ArrayList<Object>(self.keySet()));
    DICT.put("values", (self, with) -> new ArrayList<Object>(self.values()));
    DICT.put("get", (self, with) -> get(self, with));
    DICT.put("copy", (self, with) -> new LinkedHashMap<Object, Object>(self));
    LIST.put("index", (self, with) -> indexOf(self, with.require(0, "value")));
    LIST.put(
        "count",
        (self, with) ->
            self.stream().filter(each -> Values.equal(each, with.require(0, "value"))).count());
    LIST.put("copy", (self, with) -> new ArrayList<Object>(self));
  }

  private static String text(Arguments with, int index, String name) {
    Object value = with.require(index, name);
    if (value instanceof String text) {
      return text;
    }
    throw new JinjaException(name + " must be str, not " + Values.type(value));
  }

  static String strip(String self, Arguments with, boolean left, boolean right) {
    Object chars = with.get(0, "chars", None.NONE);
    Predicate<Integer> goes =
        chars instanceof String set
            ? c -> set.indexOf(c) >= 0
            : c -> Character.isWhitespace(c) || Character.isSpaceChar(c);
    int[] points = self.codePoints().toArray();
    int from = 0;
    int to = points.length;
    while (left && from < to && goes.test(points[from])) {
      from++;
    }
    while (right && to > from && goes.test(points[to - 1])) {
      to--;
    }
    return new String(points, from, to - from);
  }

  static String capitalize(String self) {
    int end = self.isEmpty() ? 0 : self.offsetByCodePoints(0, 1);
    return self.substring(0, end).toUpperCase(Locale.ROOT)
        + self.substring(end).toLowerCase(Locale.ROOT);
  }

  static String title(String self) {
    StringBuilder out = new StringBuilder();
    boolean inside = false;
    for (int c : self.codePoints().toArray()) {
      boolean letter = Character.isLetter(c);
      out.appendCodePoint(letter && !inside ? Character.toTitleCase(c) : Character.toLowerCase(c));
      inside = letter;
    }
    return out.toString();
  }

  private static Object split(String self, Arguments with, boolean fromRight) {
    long most = Values.whole(with.get(1, "maxsplit", -1L));
    List<Object> parts = new ArrayList<>();
    if (with.get(0, "sep", None.NONE) instanceof String separator) {
      if (separator.isEmpty()) {
        throw new JinjaException("empty separator");
      }
      if (fromRight && most >= 0) {
        return splitFromRight(self, separator, most);
      }
      int from = 0;
      for (int at = self.indexOf(separator);
          at >= 0 && (most < 0 || parts.size() < most);
          at = self.indexOf(separator, from)) {
        parts.add(self.substring(from, at));
        from = at + separator.length();
      }
      parts.add(self.substring(from));
      return parts;
    }
    String rest = self.strip();
    while (!rest.isEmpty()) {
      String[] two =
          most >= 0 && parts.size() >= most ? new String[] {rest} : rest.split("\\s+", 2);
      parts.add(two[0]);
      rest = two.length > 1 ? two[1] : "";
    }
    return parts;
  }

  private static Object splitFromRight(String self, String separator, long most) {
    List<Object> parts = new ArrayList<>();
    int to = self.length();
    for (int at = self.lastIndexOf(separator);
        at >= 0 && parts.size() < most;
        at = at == 0 ? -1 : self.lastIndexOf(separator, to - separator.length())) {
      parts.add(0, self.substring(at + separator.length(), to));
      to = at;
    }
    parts.add(0, self.substring(0, to));
    return parts;
  }

  private static boolean any(Object candidates, Predicate<String> test) {
    if (candidates instanceof List<?> list) {
      return list.stream().anyMatch(each -> test.test(Values.str(each)));
    } else if (candidates instanceof String text) {
      return test.test(text);
    }
    throw new JinjaException("a str or a list of them is needed, not " + Values.type(candidates));
  }

  private static Object replace(String self, Arguments with) {
    return replace(
        self, text(with, 0, "old"), text(with, 1, "new"), Values.whole(with.get(2, "count", -1L)));
  }

  static String replace(String self, String old, String by, long most) {
    if (most < 0) {
      return self.replace(old, by);
    }
    StringBuilder out = new StringBuilder();
    int from = 0;
    long done = 0;
    for (int at = self.indexOf(old); at >= 0 && done < most; at = self.indexOf(old, from)) {
      out.append(self, from, at).append(by);
      from = at + old.length();
      done++;
    }
    return out.append(self.substring(from)).toString();
  }

  private static long index(String self, int at) {
    return at < 0 ? -1 : self.codePointCount(0, at);
  }

  private static long count(String self, String part) {
    long count = 0;
    for (int at = self.indexOf(part); at >= 0; at = self.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  private static String removePrefix(String self, String prefix) {
    return self.startsWith(prefix) ? self.substring(prefix.length()) : self;
  }

  private static String removeSuffix(String self, String suffix) {
    return self.endsWith(suffix) ? self.substring(0, self.length() - suffix.length()) : self;
  }

  private static boolean all(String self, java.util.function.IntPredicate test) {
    return !self.isEmpty() && self.codePoints().allMatch(test);
  }

  private static boolean cased(String self) {
    return self.codePoints().anyMatch(c -> Character.isUpperCase(c) || Character.isLowerCase(c));
  }

  /** Python's {@code format}, for {@code {}}, {@code {0}} and {@code {name}}. */
  private static Object format(String self, Arguments with) {
    StringBuilder out = new StringBuilder();
    int next = 0;
    for (int i = 0; i < self.length(); i++) {
      char c = self.charAt(i);
      int end = self.indexOf('}', i);
      if ((c == '{' || c == '}') && i + 1 < self.length() && self.charAt(i + 1) == c) {
        out.append(c);
        i++;
      } else if (c == '{' && end >= 0) {
        String name = self.substring(i + 1, end);
        boolean number = name.matches("\\d*");
        int at = !number ? with.size() : name.isEmpty() ? next++ : Integer.parseInt(name);
        out.append(Values.str(with.require(at, name)));
        i = end;
      } else {
        out.append(c);
      }
    }
    return out.toString();
  }

  static List<Object> items(Map<?, ?> map) {
    List<Object> items = new ArrayList<>();
    map.forEach((key, value) -> items.add(List.of(key, value)));
    return items;
  }

  private static Object get(Map<?, ?> self, Arguments with) {
    Object found = self.get(with.require(0, "key"));
    return found == null ? with.get(1, "default", None.NONE) : found;
  }

  private static Object indexOf(List<?> self, Object value) {
    for (int i = 0; i < self.size(); i++) {
      if (Values.equal(self.get(i), value)) {
        return (long) i;
      }
    }
    throw new JinjaException(Values.repr(value) + " is not in list");
  }
}
