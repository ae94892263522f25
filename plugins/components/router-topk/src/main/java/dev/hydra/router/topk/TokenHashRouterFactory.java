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

/**
 * Routing by the token alone, for thousands of small experts that serve as a memory (Mixture of
 * Word Experts, arXiv 2311.10768) or as a baseline without a learned router (Hash Layers, arXiv
 * 2106.04426). A fixed hash of the token's id chooses, so there is nothing to learn and nothing to
 * balance: frequent tokens load their experts more. As in both papers the outputs of the experts
 * are not weighed by a score; of k experts each counts 1/k. The paper on word experts looks ids up
 * in a vocabulary of its own, made for the purpose, and gives each token one expert; here the ids
 * are those of the model.
 */
@HydraPlugin("token-hash")
public final class TokenHashRouterFactory implements ComponentFactory<Router> {
  static final Option<Integer> TOP_K =
      Option.integer("top-k", "experts per token, each by a hash of its own").atLeast(1).orElse(1);
  static final Option<Integer> SEED =
      Option.integer("seed", "what the hashes are drawn from").orElse(0);

  @Override
  public Role role() {
    return Role.ROUTER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(TOP_K, SEED);
  }

  @Override
  public Router create(Site site) {
    return new TokenHashRouter(Choice.checked(TOP_K, site), site.outputs(), site.get(SEED));
  }

  /** Nothing. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  /** No floating point operation at all. */
  @Override
  public Cost cost(Site site, Workload work) {
    return Cost.NONE;
  }
}
