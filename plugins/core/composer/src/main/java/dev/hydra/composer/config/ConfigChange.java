package dev.hydra.composer.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValue;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A value that is another in one configuration than in another one.
 *
 * @param key where it stands, such as {@code model.block.paths[1].gate}
 * @param before the value in the first, as text
 * @param now the value in the second, as text
 */
public record ConfigChange(String key, String before, String now) {
  private static final int LONGEST = 60;

  /** Lists what is not the same under a key of two resolved configurations, in order. */
  public static List<ConfigChange> under(String key, Config before, Config now) {
    List<ConfigChange> changes = new ArrayList<>();
    collect(key, before.root().get(key), now.root().get(key), changes);
    return changes;
  }

  /** Lists what is not the same in two resolved configurations, {@code vars} left out, in order. */
  public static List<ConfigChange> between(Config before, Config now) {
    TreeSet<String> keys = new TreeSet<>(before.root().keySet());
    keys.addAll(now.root().keySet());
    keys.remove("vars"); // they count where they are used
    return keys.stream().flatMap(key -> under(key, before, now).stream()).toList();
  }

  private static void collect(
      String key,
      @Nullable ConfigValue before,
      @Nullable ConfigValue now,
      List<ConfigChange> changes) {
    if (before == null ? now == null : before.equals(now)) {
      return;
    }
    if (before instanceof ConfigObject a && now instanceof ConfigObject b) {
      TreeSet<String> names = new TreeSet<>(a.keySet());
      names.addAll(b.keySet());
      names.forEach(name -> collect(key + "." + name, a.get(name), b.get(name), changes));
    } else if (before instanceof ConfigList a && now instanceof ConfigList b) {
      for (int i = 0; i < Math.max(a.size(), b.size()); i++) {
        collect(key + "[" + i + "]", at(a, i), at(b, i), changes);
      }
    } else {
      changes.add(new ConfigChange(key, text(before), text(now)));
    }
  }

  private static @Nullable ConfigValue at(ConfigList list, int index) {
    return index < list.size() ? list.get(index) : null;
  }

  private static String text(@Nullable ConfigValue value) {
    String text = value == null ? "not set" : value.render(ConfigRenderOptions.concise());
    return text.length() > LONGEST ? text.substring(0, LONGEST) + "..." : text;
  }

  /** Says it of a checkpoint and of what is asked for here. */
  public String sinceCheckpoint() {
    return key + " is " + before + " in the checkpoint, " + now + " here";
  }
}
