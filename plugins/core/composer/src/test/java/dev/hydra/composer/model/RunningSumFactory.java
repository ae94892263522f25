package dev.hydra.composer.model;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Pass;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** A mixer with state: {@code y[t] = W x[0] + ... + W x[t]}. */
@HydraPlugin("running-sum")
public final class RunningSumFactory implements ComponentFactory<Mixer> {
  private static final Option<Integer> HEADS =
      Option.integer("heads", "divides the width and does nothing else").atLeast(1).orElse(1);

  /** Registers it as a version of a plugin. */
  public static Registration version(String version) {
    return new Registration("running-sum", new RunningSumFactory(), PluginId.of("sums", version));
  }

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(HEADS);
  }

  @Override
  public Mixer create(Site site) {
    if (site.width() % site.get(HEADS) != 0) {
      throw site.invalid(HEADS, "must divide the width " + site.width());
    }
    return new RunningSum(site.parameter("weight", Init.normal(0.5), site.width(), site.width()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return Cost.linear(work.tokens(), site.width(), site.width())
        .plus(new Cost(0, 0, site.width(), 0));
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of(StateSpec.of(RunningSum.SUM, site.width())));
  }

  private record RunningSum(Tensor weight) implements Mixer {
    private static final String SUM = "sum";

    @Override
    public Tensor forward(Tensor x, Pass pass) {
      Tensor sums = Tensors.linear(x, weight).cumsum(1);
      Tensor before = pass.cache().flatMap(cache -> cache.get(SUM)).orElse(null);
      Tensor y = before == null ? sums : sums.add(before.unsqueeze(1));
      pass.cache().ifPresent(cache -> cache.put(SUM, y.select(1, y.size(1) - 1).clone()));
      return y;
    }
  }
}
