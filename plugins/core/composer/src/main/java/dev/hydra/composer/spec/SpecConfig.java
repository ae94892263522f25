package dev.hydra.composer.spec;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValueFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes the components that a model has into its configuration. */
public final class SpecConfig {
  private SpecConfig() {}

  /**
   * Writes the blocks of a spec, one by one, into a configuration.
   *
   * @param root a whole configuration, of which all else is kept
   */
  public static Config write(ModelSpec spec, Config root) {
    List<Object> stack = new ArrayList<>();
    for (BlockSpec block : spec.blocks()) {
      List<Object> paths = block.paths().stream().<Object>map(SpecConfig::path).toList();
      stack.add(Map.of("block", Map.of("topology", key(block.topology()), "paths", paths)));
    }
    return root.withoutPath("model.block")
        .withoutPath("model.depth")
        .withValue("model.stack", ConfigValueFactory.fromIterable(stack));
  }

  /**
   * Returns a spec with another component at a site.
   *
   * @param site such as {@code blocks.3.ffn} or, below it, {@code blocks.3.ffn.router}
   */
  public static ModelSpec with(ModelSpec spec, SitePath site, Config config) {
    String[] parts = site.text().split("\\.", 4);
    int index = Integer.parseInt(parts[1]);
    List<BlockSpec> blocks = new ArrayList<>(spec.blocks());
    List<PathSpec> paths = new ArrayList<>(blocks.get(index).paths());
    paths.replaceAll(
        path ->
            path.name().equals(parts[2])
                ? path.with(
                    parts.length == 3 ? config : path.config().withValue(parts[3], config.root()))
                : path);
    blocks.set(index, new BlockSpec(blocks.get(index).topology(), List.copyOf(paths)));
    return spec.with(blocks);
  }

  private static Map<String, Object> path(PathSpec path) {
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("name", path.name());
    entry.put(path.role().key(), path.config().root().unwrapped());
    entry.put("input-scale", path.inputScale());
    entry.put("scale", path.scale());
    entry.put("recompute", path.recompute());
    entry.put("gate", gate(path.gate()));
    if (path.gate() instanceof GateSpec.Learned learned) {
      entry.put("gate-cost", learned.cost());
    }
    return entry;
  }

  private static Object gate(GateSpec gate) {
    if (gate instanceof GateSpec.Scalar scalar) {
      return scalar.initial();
    }
    return gate instanceof GateSpec.Learned ? "learned" : "none";
  }

  private static String key(Topology topology) {
    return topology.name().toLowerCase(Locale.ROOT);
  }
}
