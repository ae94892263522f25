package dev.hydra.composer.model;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Migration;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Another version of the running sum, which does what a test wants. */
@HydraPlugin("running-sum")
public record OddMixer(Function<Site, Mixer> maker, Optional<Migration> migration)
    implements ComponentFactory<Mixer> {
  /** Version 2.0. */
  public static Registration of(Function<Site, Mixer> maker) {
    return new Registration(
        "running-sum", new OddMixer(maker, Optional.empty()), PluginId.of("odd", "2.0"));
  }

  public static Registration of(Migration migration, Function<Site, Mixer> maker) {
    return new Registration(
        "running-sum", new OddMixer(maker, Optional.of(migration)), PluginId.of("odd", "2.0"));
  }

  /** Asks for the parameter of the running sum and leaves it. */
  public static Registration stateless(Mixer mixer) {
    return of(
        site -> {
          site.parameter("weight", Init.zeros(), site.width(), site.width());
          return mixer;
        });
  }

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(Option.integer("heads", "not used").atLeast(1).orElse(1));
  }

  @Override
  public Mixer create(Site site) {
    return maker.apply(site);
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return Cost.NONE;
  }

  @Override
  public Optional<Migration> migration(String type, String version) {
    return migration;
  }
}
