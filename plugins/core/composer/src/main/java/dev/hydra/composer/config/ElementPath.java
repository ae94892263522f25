package dev.hydra.composer.config;

import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import com.typesafe.config.ConfigValueType;
import dev.hydra.api.ConfigException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A key that goes through elements of lists, such as {@code model.block.paths[1].gate}. An element
 * is named by its number, from 0, or by its name, its role or its type, as in {@code paths[moe]};
 * that means all elements of the kind.
 *
 * @param place where it is set, for messages
 * @param whole the key
 * @param root the configuration that it changes
 */
record ElementPath(String place, String whole, ConfigObject root) {
  private static final String OFF = "off";
  private static final Pattern DIGITS = Pattern.compile("\\d+");

  /** What somebody writes who means a number, such as -1 for the last. */
  private static final Pattern NUMBER = Pattern.compile("[+-]?\\d+(\\.\\d*)?");

  /**
   * A configuration with the value in place; {@code off} for an element leaves it out.
   *
   * @throws ConfigException if there is no such element
   * @throws com.typesafe.config.ConfigException.NotResolved if the list comes from a substitution
   */
  ConfigObject with(ConfigValue value) {
    return (ConfigObject) under(root, whole, value);
  }

  private ConfigValue under(@Nullable ConfigValue current, String rest, ConfigValue value) {
    if (rest.isEmpty()) {
      return current == null ? value : value.withFallback(current);
    }
    if (rest.startsWith("[")) {
      return elements(current, rest, value);
    }
    int bracket = rest.indexOf('[');
    String plain = bracket < 0 ? rest : rest.substring(0, bracket);
    String after = bracket < 0 ? "" : rest.substring(bracket);
    return keys(current, keys(plain), after, value);
  }

  private List<String> keys(String plain) {
    String path = plain.startsWith(".") ? plain.substring(1) : plain;
    try {
      return ConfigUtil.splitPath(path);
    } catch (com.typesafe.config.ConfigException e) {
      throw wrong("the key is not in order at " + plain);
    }
  }

  private ConfigValue keys(
      @Nullable ConfigValue current, List<String> keys, String after, ConfigValue value) {
    if (keys.isEmpty()) {
      return under(current, after, value);
    }
    refuseUnresolved(current);
    refuseList(current, keys.get(0));
    ConfigObject object =
        current instanceof ConfigObject known
            ? known
            : ConfigValueFactory.fromMap(Map.of()).withOrigin(value.origin());
    String key = keys.get(0);
    return object.withValue(key, keys(object.get(key), keys.subList(1, keys.size()), after, value));
  }

  /**
   * Refuses a key without brackets that goes through a list, as far as that is resolved: the value
   * would take the place of the whole list.
   */
  void refuseLists() {
    ConfigValue current = root;
    try {
      for (String key : keys(whole)) {
        refuseList(current, key);
        current = current instanceof ConfigObject object ? object.get(key) : null;
      }
    } catch (com.typesafe.config.ConfigException.NotResolved e) {
      // what there is has no type yet
    }
  }

  private void refuseList(@Nullable ConfigValue current, String key) {
    if (current instanceof ConfigList) {
      throw wrong(
          "before "
              + key
              + " there is a list, whose elements are named in brackets: ["
              + key
              + "]");
    }
  }

  private ConfigValue elements(@Nullable ConfigValue current, String rest, ConfigValue value) {
    int end = rest.indexOf(']');
    if (end < 0) {
      throw wrong("a ] is missing");
    }
    refuseUnresolved(current);
    String chosen = rest.substring(1, end);
    String after = rest.substring(end + 1);
    if (!(current instanceof ConfigList list)) {
      throw wrong("there is no list to take [" + chosen + "] of" + elsewhere(rest, chosen));
    }
    boolean off = after.isEmpty() && isOff(value);
    List<ConfigValue> changed = new ArrayList<>();
    boolean found = false;
    for (int i = 0; i < list.size(); i++) {
      boolean meant = meant(list.get(i), i, chosen);
      found |= meant;
      if (!meant) {
        changed.add(list.get(i));
      } else if (!off) {
        changed.add(under(list.get(i), after, value));
      }
    }
    if (!found) {
      throw wrong(notThere(chosen, list.size()) + "; there are " + described(list));
    }
    return ConfigValueFactory.fromIterable(changed).withOrigin(list.origin());
  }

  /** The same key at lists deeper down that have the element, if it is the key's first. */
  private String elsewhere(String rest, String chosen) {
    String before = whole.substring(0, whole.length() - rest.length());
    if (before.indexOf('[') >= 0) {
      return "";
    }
    List<String> keys = keys(before);
    List<String> found =
        Lists.named(root, keys.get(keys.size() - 1)).stream()
            .filter(each -> has(each.list(), chosen))
            .map(each -> each.path() + rest)
            .toList();
    return found.isEmpty() ? "" : "; did you mean " + String.join(" or ", found) + "?";
  }

  private static boolean has(ConfigList list, String chosen) {
    return IntStream.range(0, list.size()).anyMatch(i -> meant(list.get(i), i, chosen));
  }

  private static String notThere(String chosen, int size) {
    if (!chosen.isBlank() && !NUMBER.matcher(chosen).matches()) {
      return "there is no element " + chosen;
    }
    String whole = size == 0 ? "" : "a whole number from 0 to " + (size - 1) + ", or ";
    return "[" + chosen + "] is not an element: it must be " + whole + "a name";
  }

  /** A substitution has no type yet, and says so by an exception. */
  private static void refuseUnresolved(@Nullable ConfigValue value) {
    if (value != null) {
      value.valueType();
    }
  }

  private static boolean isOff(ConfigValue value) {
    return value.valueType() == ConfigValueType.STRING && OFF.equals(value.unwrapped());
  }

  private static boolean meant(ConfigValue element, int index, String chosen) {
    refuseUnresolved(element);
    return DIGITS.matcher(chosen).matches()
        ? chosen.equals(String.valueOf(index))
        : element instanceof ConfigObject object
            && object.entrySet().stream().anyMatch(entry -> names(entry, chosen));
  }

  /** Whether an entry of an element gives it a name: the role, the type in it, or the name. */
  private static boolean names(Map.Entry<String, ConfigValue> entry, String name) {
    Optional<String> type = type(entry.getValue());
    return (entry.getValue() instanceof ConfigObject && entry.getKey().equals(name))
        || type.equals(Optional.of(name));
  }

  private static Optional<String> type(ConfigValue value) {
    ConfigValue type = value instanceof ConfigObject object ? object.get("type") : value;
    return type != null && type.valueType() == ConfigValueType.STRING
        ? Optional.of(String.valueOf(type.unwrapped()))
        : Optional.empty();
  }

  private static String described(ConfigList list) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      String types =
          list.get(i) instanceof ConfigObject object
              ? object.values().stream()
                  .filter(ConfigObject.class::isInstance)
                  .flatMap(value -> type(value).stream())
                  .reduce("", (a, b) -> a + " " + b)
              : "";
      names.add("[" + i + "]" + types);
    }
    return names.isEmpty() ? "none" : String.join(", ", names);
  }

  private ConfigException wrong(String problem) {
    return new ConfigException(place + ": " + problem);
  }
}
