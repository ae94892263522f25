package dev.hydra.composer.config;

import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The lists of a configuration, however deep. */
final class Lists {
  private Lists() {}

  /**
   * A list and where it is.
   *
   * @param path such as {@code model.stack[0].block.paths}
   */
  record Found(String path, ConfigList list) {}

  /**
   * Finds the lists whose last key has a name, in the order of their paths.
   *
   * @throws com.typesafe.config.ConfigException.NotResolved if there are substitutions on the way
   */
  static List<Found> named(ConfigObject root, String key) {
    List<Found> found = new ArrayList<>();
    collect("", root, key, found);
    return found;
  }

  private static void collect(String path, ConfigValue value, String key, List<Found> found) {
    value.valueType(); // a substitution has none yet, and says so by the exception
    if (value instanceof ConfigObject object) {
      for (Map.Entry<String, ConfigValue> each : sorted(object)) {
        String below = (path.isEmpty() ? "" : path + ".") + ConfigUtil.joinPath(each.getKey());
        ConfigValue child = each.getValue();
        if (each.getKey().equals(key) && child instanceof ConfigList list) {
          found.add(new Found(below, list));
        }
        collect(below, child, key, found);
      }
    } else if (value instanceof ConfigList list) {
      for (int i = 0; i < list.size(); i++) {
        collect(path + "[" + i + "]", list.get(i), key, found);
      }
    }
  }

  private static List<Map.Entry<String, ConfigValue>> sorted(ConfigObject object) {
    return object.entrySet().stream().sorted(Map.Entry.comparingByKey()).toList();
  }
}
