package dev.hydra.composer.swap;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.Option;
import dev.hydra.composer.model.ComponentSite;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Compares the options of two components of one type. */
final class OptionChanges {
  private static final String TYPE = "type";

  private OptionChanges() {}

  /**
   * Returns the options whose values differ, those of nested components too; of two types, none, as
   * a name may mean something else there.
   */
  static List<SwapReport.OptionChange> between(ComponentSite before, ComponentSite after) {
    if (!before.registration().type().equals(after.registration().type())) {
      return List.of();
    }
    Map<String, String> from = values(before);
    Map<String, String> to = values(after);
    Map<String, String> all = new LinkedHashMap<>(from);
    to.forEach(all::putIfAbsent);
    List<SwapReport.OptionChange> changes = new ArrayList<>();
    for (String name : all.keySet()) {
      String old = from.getOrDefault(name, "not there");
      String now = to.getOrDefault(name, "not there");
      if (!old.equals(now)) {
        changes.add(new SwapReport.OptionChange(name, old, now));
      }
    }
    return changes;
  }

  private static Map<String, String> values(ComponentSite site) {
    Map<String, String> values = new LinkedHashMap<>();
    Config config = site.config().withoutPath(TYPE);
    for (Option<?> option : site.registration().factory().options()) {
      if (!config.hasPath(ConfigUtil.joinPath(option.name()))) {
        values.put(option.name(), option.otherwise());
      }
    }
    for (Map.Entry<String, ConfigValue> each : config.entrySet()) {
      values.put(each.getKey(), each.getValue().render(ConfigRenderOptions.concise()));
    }
    return values;
  }
}
