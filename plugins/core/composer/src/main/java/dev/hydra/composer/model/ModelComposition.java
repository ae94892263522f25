package dev.hydra.composer.model;

import com.typesafe.config.Config;
import dev.hydra.api.PluginId;
import dev.hydra.api.Workload;
import dev.hydra.composer.spec.BlockSpec;
import dev.hydra.composer.spec.GateSpec;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.PathSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.spec.Topology;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a model is composed of: its blocks, their paths, and the components there with their
 * versions, parameters and FLOPs.
 *
 * @param spec the model as configured now
 * @param tokens the sequence length that FLOPs are counted at
 * @param parameters all parameters
 * @param activeParameters those that one token uses
 * @param forwardFlopsPerToken of a forward over such a sequence, head included
 * @param blocks the blocks, bottom to top
 */
public record ModelComposition(
    ModelSpec spec,
    long tokens,
    long parameters,
    long activeParameters,
    double forwardFlopsPerToken,
    List<Block> blocks) {
  /** A block: how its paths are put together, and the paths. */
  public record Block(Topology topology, List<Path> paths) {}

  /**
   * A path round the residual stream.
   *
   * @param gate how much of its output counts
   * @param count its component's parameters, children included
   * @param forwardFlopsPerToken of its component, children included
   * @param components its component and, after that, those nested in it
   */
  public record Path(
      GateSpec gate,
      ModelSummary.Count count,
      double forwardFlopsPerToken,
      List<Component> components) {}

  /**
   * A component.
   *
   * @param site where it stands
   * @param role the key of its role
   * @param type its type
   * @param plugin the version of the plugin that it comes from
   * @param config its options as configured
   */
  public record Component(
      SitePath site, String role, String type, PluginId plugin, Config config) {}

  /**
   * Describes a model; the meta device will do.
   *
   * @param tokens the sequence length to count FLOPs at, at least 1
   */
  public static ModelComposition of(Model model, long tokens) {
    ModelSummary summary = ModelSummary.of(model, ScalarType.Float, List.of(tokens));
    Map<SitePath, ModelSummary.Count> counts = new HashMap<>();
    summary.parts().forEach(part -> counts.put(part.path(), part.count()));
    Map<SitePath, ComponentSlot> slots = new HashMap<>();
    model.slots().forEach(slot -> slots.put(slot.path(), slot));
    ModelSpec spec = model.spec();
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < spec.blocks().size(); i++) {
      BlockSpec block = spec.blocks().get(i);
      List<Path> paths = new ArrayList<>();
      for (PathSpec path : block.paths()) {
        SitePath site = SitePath.block(i).child(path.name());
        ComponentSlot slot = slots.get(site);
        ModelSummary.Count count = counts.get(site);
        if (slot == null || count == null) {
          throw new IllegalStateException("nothing stands at " + site);
        }
        paths.add(path(path.gate(), count, slot, tokens));
      }
      blocks.add(new Block(block.topology(), List.copyOf(paths)));
    }
    return new ModelComposition(
        spec,
        tokens,
        summary.parameters(),
        summary.activeParameters(),
        summary.lengths().get(0).forwardFlopsPerToken(),
        List.copyOf(blocks));
  }

  private static Path path(
      GateSpec gate, ModelSummary.Count count, ComponentSlot slot, long tokens) {
    List<Component> components = new ArrayList<>();
    slot.visit(
        each -> {
          ComponentSite site = each.site();
          components.add(
              new Component(
                  each.path(),
                  each.role().key(),
                  site.registration().type(),
                  site.registration().plugin(),
                  site.config()));
        });
    double flops = slot.cost(Workload.sequence(tokens)).flops() / (double) tokens;
    return new Path(gate, count, flops, List.copyOf(components));
  }
}
