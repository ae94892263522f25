package dev.hydra.cli.compare;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * A value that is not the same in all of several configurations.
 *
 * @param key where it stands, such as {@code model.block.paths[1].gate}
 * @param values the value in each; empty where it is not set
 */
record ConfigDifference(String key, List<Optional<ConfigValue>> values) {
  /** Lists what is not the same in resolved configurations, {@code vars} left out, in order. */
  static List<ConfigDifference> between(List<Config> configs) {
    List<Map<String, ConfigValue>> flat = configs.stream().map(ConfigDifference::flat).toList();
    TreeSet<String> keys = new TreeSet<>();
    flat.forEach(each -> keys.addAll(each.keySet()));
    List<ConfigDifference> differences = new ArrayList<>();
    for (String key : keys) {
      List<Optional<ConfigValue>> values =
          flat.stream().map(each -> Optional.ofNullable(each.get(key))).toList();
      if (values.stream().distinct().count() > 1) {
        differences.add(new ConfigDifference(key, values));
      }
    }
    return differences;
  }

  private static Map<String, ConfigValue> flat(Config config) {
    Map<String, ConfigValue> flat = new LinkedHashMap<>();
    config
        .root()
        .forEach(
            (key, value) -> {
              if (!key.equals("vars")) { // they count where they are used
                collect(key, value, flat);
              }
            });
    return flat;
  }

  private static void collect(String key, ConfigValue value, Map<String, ConfigValue> flat) {
    if (value instanceof ConfigObject object && !object.isEmpty()) {
      object.forEach((name, each) -> collect(key + "." + name, each, flat));
    } else if (value instanceof ConfigList list && !list.isEmpty()) {
      for (int i = 0; i < list.size(); i++) {
        collect(key + "[" + i + "]", list.get(i), flat);
      }
    } else {
      flat.put(key, value);
    }
  }

  /** Returns it as the values of a JSON object; null for a run that has not set it. */
  Map<String, Object> json(List<Run> runs) {
    Map<String, Object> byRun = new LinkedHashMap<>();
    for (int i = 0; i < runs.size(); i++) {
      byRun.put(runs.get(i).name(), values.get(i).map(ConfigValue::unwrapped).orElse(null));
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("key", key);
    json.put("values", byRun);
    return json;
  }
}
