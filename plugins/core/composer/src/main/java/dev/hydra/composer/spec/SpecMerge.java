package dev.hydra.composer.spec;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Carries what became of a model while it ran over into what it is to be next: of a component, what
 * the plan does not change stays as it is now.
 */
public final class SpecMerge {
  private static final String TYPE = "type";

  private SpecMerge() {}

  /**
   * Merges three specs.
   *
   * @param before what the model was planned to be until now
   * @param next what it is planned to be
   * @param now what it is: some of its components may have been swapped
   */
  public static ModelSpec of(ModelSpec before, ModelSpec next, ModelSpec now) {
    if (now.equals(before)) {
      return next;
    }
    List<BlockSpec> blocks = new ArrayList<>();
    for (int i = 0; i < next.blocks().size(); i++) {
      int block = i;
      List<PathSpec> paths =
          next.blocks().get(i).paths().stream()
              .map(
                  path ->
                      merged(path, find(before, block, path.name()), find(now, block, path.name())))
              .toList();
      blocks.add(new BlockSpec(next.blocks().get(i).topology(), paths));
    }
    return next.with(blocks);
  }

  private static Optional<PathSpec> find(ModelSpec spec, int block, String name) {
    return block < spec.blocks().size()
        ? spec.blocks().get(block).paths().stream()
            .filter(path -> path.name().equals(name))
            .findFirst()
        : Optional.empty();
  }

  private static PathSpec merged(PathSpec next, Optional<PathSpec> before, Optional<PathSpec> now) {
    boolean known =
        before.filter(path -> path.role() == next.role()).isPresent()
            && now.filter(path -> path.role() == next.role()).isPresent();
    return known
        ? next.with(merged(before.get().config(), next.config(), now.get().config()))
        : next;
  }

  private static Config merged(Config before, Config next, Config now) {
    return merged(before.root(), next.root(), now.root()).toConfig();
  }

  private static ConfigObject merged(ConfigObject before, ConfigObject next, ConfigObject now) {
    if (next.equals(before)) {
      return now;
    }
    boolean oneType =
        Objects.equals(before.get(TYPE), next.get(TYPE))
            && Objects.equals(now.get(TYPE), next.get(TYPE));
    if (!oneType) {
      return next;
    }
    ConfigObject all = ConfigValueFactory.fromMap(Map.of());
    for (Map.Entry<String, ConfigValue> each : now.entrySet()) {
      if (!before.containsKey(each.getKey())) {
        all = all.withValue(each.getKey(), each.getValue());
      }
    }
    for (Map.Entry<String, ConfigValue> each : next.entrySet()) {
      String key = each.getKey();
      all = all.withValue(key, merged(before.get(key), each.getValue(), now.get(key)));
    }
    return all;
  }

  private static ConfigValue merged(
      @Nullable ConfigValue before, ConfigValue next, @Nullable ConfigValue now) {
    if (before instanceof ConfigObject a
        && next instanceof ConfigObject b
        && now instanceof ConfigObject c) {
      return merged(a, b, c);
    }
    return next.equals(before) && now != null ? now : next;
  }
}
