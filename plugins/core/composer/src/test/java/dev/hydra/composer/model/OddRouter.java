package dev.hydra.composer.model;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.Option;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import java.util.Arrays;
import java.util.List;

/** The router to the best expert under any type, with options that do nothing. */
public record OddRouter(List<Option<?>> options) implements ComponentFactory<Router> {
  public static Registration of(String type, String... options) {
    List<Option<?>> all =
        Arrays.stream(options)
            .<Option<?>>map(name -> Option.integer(name, "not used").atLeast(1).orElse(1))
            .toList();
    return new Registration(type, new OddRouter(all), PluginId.of("odd", "1.0"));
  }

  @Override
  public Role role() {
    return Role.ROUTER;
  }

  @Override
  public Router create(Site site) {
    return new BestFactory().create(site);
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return Cost.NONE;
  }
}
