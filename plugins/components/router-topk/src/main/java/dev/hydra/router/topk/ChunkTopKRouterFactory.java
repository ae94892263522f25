package dev.hydra.router.topk;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Chunk-level routing: all tokens of a chunk go to the same experts (Hydra, arXiv 2508.15099). The
 * paper decides by the mean of the chunk itself, which lets early tokens see later ones; here the
 * decision is made from what is known when the chunk begins. Chunks are counted from the start of
 * the document.
 */
@HydraPlugin("chunk-topk")
public final class ChunkTopKRouterFactory implements ComponentFactory<Router> {
  static final Option<Integer> CHUNK =
      Option.integer("chunk", "tokens per decision").atLeast(1).orElse(32);
  static final Option<Summary> SUMMARY =
      Option.choice("summary", Summary.class, "what the decision is made from")
          .orElse(Summary.PREVIOUS_CHUNK);

  @Override
  public Role role() {
    return Role.ROUTER;
  }

  @Override
  public List<Option<?>> options() {
    return Stream.concat(Stream.of(CHUNK, SUMMARY), Choice.OPTIONS.stream()).toList();
  }

  @Override
  public Router create(Site site) {
    Choice choice = Choice.of(site);
    return new ChunkTopKRouter(
        TopKRouterFactory.weight(site), choice, site.get(CHUNK), site.get(SUMMARY));
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(ChunkState.of(site.outputs()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    double state = 3.0 * site.outputs();
    return TopKRouterFactory.linearCost(site, work).plus(new Cost(0, 0, state, 0));
  }
}
