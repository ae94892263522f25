package dev.hydra.tck;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/**
 * Creates {@link Taps}, or what a test takes for them.
 *
 * @param mixer makes the mixer from the weight [2, width]
 * @param cost what it says it costs
 */
@HydraPlugin("planted")
record Planted(Function<Tensor, Mixer> mixer, BiFunction<Site, Workload, Cost> cost)
    implements ComponentFactory<Mixer> {

  /** With the cost that {@link Taps} have. */
  static Planted of(Function<Tensor, Mixer> mixer) {
    return new Planted(mixer, Planted::honest);
  }

  static Cost honest(Site site, Workload work) {
    double elements = (double) work.tokens() * site.width();
    return new Cost(4 * elements, elements, site.width(), 0);
  }

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Mixer create(Site site) {
    return mixer.apply(site.parameter("weight", Init.ones(), 2, site.width()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return cost.apply(site, work);
  }
}
