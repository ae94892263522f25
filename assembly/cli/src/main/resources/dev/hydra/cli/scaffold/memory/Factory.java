package {{package}};

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Memory;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.nn.Linear;
import java.util.List;
import java.util.Optional;

/** Creates memories of type {@code {{type}}}, tables of learned slots that every token reads. */
@HydraPlugin("{{type}}")
public final class {{Name}}Factory implements ComponentFactory<Memory> {
  static final Option<Integer> SLOTS =
      Option.integer("slots", "slots of the table").atLeast(1).orElse(64);

  @Override
  public Role role() {
    return Role.MEMORY;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(SLOTS);
  }

  @Override
  public Memory create(Site site) {
    int slots = site.get(SLOTS);
    return new {{Name}}Memory(
        Linear.inner(site, "keys", slots, site.width(), false),
        Linear.outer(site, "values", site.width(), slots, false));
  }

  /** Nothing: texts are decoded together, and go on when the component is swapped. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  /** Two products and a softmax over the slots, whose scores are kept before and after it. */
  @Override
  public Cost cost(Site site, Workload work) {
    double tokens = work.tokens();
    double slots = site.get(SLOTS);
    return Cost.linear(tokens, site.width(), slots)
        .plus(Cost.linear(tokens, slots, site.width()))
        .plus(new Cost(4 * tokens * slots, tokens * slots, 0, 0));
  }
}
