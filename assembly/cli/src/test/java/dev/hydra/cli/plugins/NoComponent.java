package dev.hydra.cli.plugins;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import java.util.List;

/** A factory that is registered and never used. */
final class NoComponent implements ComponentFactory<Mixer> {
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
    throw new AssertionError("nobody creates it");
  }

  @Override
  public Cost cost(Site site, Workload work) {
    throw new AssertionError("nobody asks for its cost");
  }
}
