package dev.hydra.dist.probe;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import java.util.List;

/** A mixer that mixes nothing. */
public class ProbeFactory implements ComponentFactory<Mixer> {
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
    return (x, pass) -> x;
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return Cost.NONE;
  }
}
