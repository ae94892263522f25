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

/** Creates {@link Taps} that first split the width into heads, without a look whether they fit. */
@HydraPlugin("planted-options")
record PlantedOptions() implements ComponentFactory<Mixer> {
  private static final Option<Integer> HEADS =
      Option.integer("heads", "divides the width").orElse(2);

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
    int heads = site.get(HEADS);
    Taps taps = new Taps(site.parameter("weight", Init.ones(), 2, site.width()));
    return (x, pass) -> taps.forward(x.unflatten(-1, heads, x.size(2) / heads).flatten(2, 3), pass);
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return Planted.honest(site, work);
  }
}
