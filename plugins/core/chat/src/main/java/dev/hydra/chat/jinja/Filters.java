package dev.hydra.chat.jinja;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/** Jinja's filters, what follows {@code |}, and {@code tojson} as transformers defines it. */
final class Filters {
  private Filters() {}

  static Object apply(String name, Object value, Arguments with) {
    return switch (name) {
      case "tojson" -> json(value, with);
      case "default", "d" -> otherwise(value, with);
      case "length", "count" -> Values.length(value);
      case "string" -> Values.str(value);
      case "int" -> integer(value, with);
      case "float" -> decimal(value, with);
      case "list" -> Values.elements(value);
      case "items" -> value instanceof Map<?, ?> map ? Methods.items(map) : List.of();
      case "dictsort" -> dictSort(value);
      case "abs" -> value instanceof Long n ? (Object) Math.abs(n) : Math.abs(Values.number(value));
      case "round" -> round(value, with);
      case "map" -> map(value, with);
      case "select", "reject" -> select(value, with, name.equals("select"));
      case "selectattr", "rejectattr" -> selectAttribute(value, with, name.equals("selectattr"));
      case "first",
          "last",
          "reverse",
          "sort",
          "unique",
          "min",
          "max",
          "sum",
          "join",
          "batch",
          "groupby" ->
          sequence(name, value, with);
      default -> TextFilters.apply(name, value, with);
    };
  }

  private static Object sequence(String name, Object value, Arguments with) {
    if (name.equals("join")) {
      Object attribute = with.get(1, "attribute", None.NONE);
      Object parts = attribute == None.NONE ? value : attributes(value, attribute);
      return join(parts, Values.str(with.get(0, "d", "")));
    } else if (name.equals("reverse") && value instanceof String text) {
      return new StringBuilder(text).reverse().toString();
    }
    List<Object> all = Values.elements(value);
    return switch (name) {
      case "first" -> all.isEmpty() ? new Undefined("the first of nothing") : all.get(0);
      case "last" -> all.isEmpty() ? new Undefined("the last of nothing") : all.get(all.size() - 1);
      case "reverse" -> {
        java.util.Collections.reverse(all);
        yield all;
      }
      case "sort" -> sort(all, with);
      case "unique" -> unique(all);
      case "min", "max" ->
          all.stream()
              .min(order(name.equals("max"), each -> each))
              .orElse(new Undefined("the " + name + " of nothing"));
      case "sum" -> sum(value, with);
      case "batch" -> batch(all, (int) Values.whole(with.require(0, "linecount")));
      default -> groups(all, with.require(0, "attribute"));
    };
  }

  private static Comparator<Object> order(boolean reverse, Function<Object, Object> key) {
    Comparator<Object> up = (a, b) -> Values.compare(key.apply(a), key.apply(b), "<");
    return reverse ? up.reversed() : up;
  }

  private static List<Object> sort(List<Object> all, Arguments with) {
    boolean reverse = Values.truthy(with.get(0, "reverse", false));
    boolean exact = Values.truthy(with.get(1, "case_sensitive", false));
    Object attribute = with.get(2, "attribute", None.NONE);
    all.sort(
        order(
            reverse,
            each -> {
              Object key = attribute == None.NONE ? each : path(each, attribute);
              return key instanceof String text && !exact ? text.toLowerCase(Locale.ROOT) : key;
            }));
    return all;
  }

  private static List<Object> unique(List<Object> all) {
    List<Object> some = new ArrayList<>();
    for (Object each : all) {
      if (some.stream().noneMatch(known -> Values.equal(known, each))) {
        some.add(each);
      }
    }
    return some;
  }

  private static Object sum(Object value, Arguments with) {
    Object attribute = with.get(0, "attribute", None.NONE);
    Object total = with.get(1, "start", 0L);
    List<?> all = attribute == None.NONE ? Values.elements(value) : attributes(value, attribute);
    for (Object each : all) {
      total = Arithmetic.apply("+", total, each);
    }
    return total;
  }

  private static List<Object> batch(List<Object> all, int size) {
    List<Object> rows = new ArrayList<>();
    for (int i = 0; i < all.size(); i += size) {
      rows.add(new ArrayList<>(all.subList(i, Math.min(all.size(), i + size))));
    }
    return rows;
  }

  private static List<Object> groups(List<Object> all, Object attribute) {
    List<Object> sorted = new ArrayList<>(all);
    sorted.sort(order(false, each -> path(each, attribute)));
    Map<Object, List<Object>> groups = new LinkedHashMap<>();
    for (Object each : sorted) {
      groups.computeIfAbsent(path(each, attribute), key -> new ArrayList<>()).add(each);
    }
    return Methods.items(groups);
  }

  static String join(Object parts, String separator) {
    return String.join(separator, Values.elements(parts).stream().map(Values::str).toList());
  }

  /** Follows an attribute such as {@code function.name}. */
  private static Object path(Object value, Object attribute) {
    Object at = value;
    if (attribute instanceof Long) {
      return Access.element(at, attribute);
    }
    for (String name : Values.str(attribute).split("\\.", -1)) {
      at = at instanceof Undefined ? at : Access.element(at, name);
    }
    return at;
  }

  private static List<Object> attributes(Object value, Object attribute) {
    return new ArrayList<>(
        Values.elements(value).stream().map(each -> path(each, attribute)).toList());
  }

  private static Object map(Object value, Arguments with) {
    Object attribute = with.named().get("attribute");
    if (attribute != null) {
      Object otherwise = with.named().get("default");
      return new ArrayList<Object>(
          attributes(value, attribute).stream()
              .map(each -> each instanceof Undefined && otherwise != null ? otherwise : each)
              .toList());
    }
    String filter = Values.str(with.require(0, "filter"));
    Arguments rest = rest(with, 1);
    return new ArrayList<Object>(
        Values.elements(value).stream().map(each -> apply(filter, each, rest)).toList());
  }

  private static Arguments rest(Arguments with, int from) {
    List<Object> all = with.positional();
    return new Arguments(all.subList(Math.min(from, all.size()), all.size()), with.named());
  }

  private static Object select(Object value, Arguments with, boolean wanted) {
    return new ArrayList<Object>(
        Values.elements(value).stream().filter(each -> passes(each, with, 0) == wanted).toList());
  }

  private static Object selectAttribute(Object value, Arguments with, boolean wanted) {
    Object attribute = with.require(0, "attribute");
    return new ArrayList<Object>(
        Values.elements(value).stream()
            .filter(each -> passes(path(each, attribute), with, 1) == wanted)
            .toList());
  }

  private static boolean passes(Object value, Arguments with, int at) {
    return with.size() <= at
        ? Values.truthy(value)
        : Tests.apply(Values.str(with.positional().get(at)), value, rest(with, at + 1));
  }

  private static Object otherwise(Object value, Arguments with) {
    boolean nothing =
        value instanceof Undefined
            || (Values.truthy(with.get(1, "boolean", false)) && !Values.truthy(value));
    return nothing ? with.get(0, "default_value", "") : value;
  }

  private static Object integer(Object value, Arguments with) {
    try {
      return value instanceof String text
          ? (Object) Long.parseLong(text.strip())
          : (long) Values.number(value);
    } catch (NumberFormatException | JinjaException e) {
      return with.get(0, "default", 0L);
    }
  }

  private static Object decimal(Object value, Arguments with) {
    try {
      return value instanceof String text
          ? (Object) Double.parseDouble(text.strip())
          : Values.number(value);
    } catch (NumberFormatException | JinjaException e) {
      return with.get(0, "default", 0.0);
    }
  }

  private static Object round(Object value, Arguments with) {
    double scale = Math.pow(10, Values.whole(with.get(0, "precision", 0L)));
    String method = Values.str(with.get(1, "method", "common"));
    double scaled = Values.number(value) * scale;
    double rounded =
        switch (method) {
          case "ceil" -> Math.ceil(scaled);
          case "floor" -> Math.floor(scaled);
          default -> Math.rint(scaled);
        };
    return rounded / scale;
  }

  private static Object dictSort(Object value) {
    List<Object> items = value instanceof Map<?, ?> map ? Methods.items(map) : new ArrayList<>();
    items.sort(
        order(
            false,
            item -> {
              Object key = ((List<?>) item).get(0);
              return key instanceof String text ? text.toLowerCase(Locale.ROOT) : key;
            }));
    return items;
  }

  /** The filter that transformers defines in place of Jinja's, which escapes for HTML. */
  private static Object json(Object value, Arguments with) {
    if (value instanceof Undefined nothing) {
      throw nothing.error();
    }
    Object indent = with.named().getOrDefault("indent", None.NONE);
    Object separators = with.named().getOrDefault("separators", None.NONE);
    int width = indent == None.NONE ? -1 : (int) Values.whole(indent);
    List<Object> given =
        separators == None.NONE
            ? List.of(width < 0 ? ", " : ",", ": ")
            : Values.elements(separators);
    boolean sorted = Values.truthy(with.named().getOrDefault("sort_keys", false));
    return new Json(width, Values.str(given.get(0)), Values.str(given.get(1)), sorted).write(value);
  }
}
