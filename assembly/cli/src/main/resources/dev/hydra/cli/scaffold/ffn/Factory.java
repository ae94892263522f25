package {{package}};

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.nn.Linear;
import java.util.List;
import java.util.Optional;

/** Creates feed-forwards of type {@code {{type}}}, with squared ReLU. */
@HydraPlugin("{{type}}")
public final class {{Name}}Factory implements ComponentFactory<FeedForward> {
  static final Option<Optional<Integer>> HIDDEN =
      Option.integer("hidden", "inner channels").atLeast(1).optional("4 x width");

  @Override
  public Role role() {
    return Role.FEED_FORWARD;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(HIDDEN);
  }

  @Override
  public FeedForward create(Site site) {
    int hidden = hidden(site);
    return new {{Name}}FeedForward(
        Linear.inner(site, "up_proj", hidden, site.width(), false),
        Linear.outer(site, "down_proj", site.width(), hidden, false));
  }

  /** Nothing: texts are decoded together, and go on when the component is swapped. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  /** Two products; kept are their inputs, and the inner channels before and after ReLU. */
  @Override
  public Cost cost(Site site, Workload work) {
    double tokens = work.tokens();
    double hidden = hidden(site);
    return Cost.linear(tokens, site.width(), hidden)
        .plus(Cost.linear(tokens, hidden, site.width()))
        .plus(new Cost(2 * tokens * hidden, 2 * tokens * hidden, 0, 0));
  }

  private static int hidden(Site site) {
    return site.get(HIDDEN).orElse(4 * site.width());
  }
}
