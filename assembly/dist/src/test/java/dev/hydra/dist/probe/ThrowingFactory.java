package dev.hydra.dist.probe;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import java.util.List;

/** A mixer that LibTorch refuses. */
@HydraPlugin("throwing")
public final class ThrowingFactory implements ComponentFactory<Mixer> {
  /** For the registry. */
  public ThrowingFactory() {}

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
    return (x, pass) -> x.view(7, 11, 13);
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return new Cost(2.0 * work.tokens() * site.width(), 0, 0, 0);
  }
}
