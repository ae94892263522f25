package dev.hydra.ffn.moe;

import dev.hydra.api.ChildConfig;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.nn.ExpertDispatch;
import dev.hydra.libtorch.nn.LinearInit;
import java.util.List;
import java.util.Optional;

/**
 * Sparsely gated mixture of experts (arXiv 1701.06538) with SwiGLU experts (arXiv 2002.05202):
 * {@code y = shared(x) + sum over the chosen i of weight_i expert_i(x)}. No token is dropped, and
 * only the chosen experts are computed.
 */
@HydraPlugin("moe")
public final class MoeFactory implements ComponentFactory<FeedForward> {
  static final Option<Integer> EXPERTS =
      Option.integer("experts", "experts to choose from").atLeast(1).orElse(4);
  static final Option<Optional<Integer>> HIDDEN =
      Option.integer("hidden", "hidden size of one expert")
          .atLeast(1)
          .optional("8/3 width, rounded up to a multiple of 8: as large as a dense swiglu");
  static final Option<Integer> SHARED_HIDDEN =
      Option.integer(
              "shared-hidden",
              "hidden size of the shared experts together, which every token uses (arXiv"
                  + " 2401.06066); 0 for none")
          .atLeast(0)
          .orElse(0);
  static final Option<ChildConfig<Router>> ROUTER =
      Option.component(Role.ROUTER, "chunk-topk", "chooses the experts");

  @Override
  public Role role() {
    return Role.FEED_FORWARD;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(EXPERTS, HIDDEN, SHARED_HIDDEN, ROUTER);
  }

  @Override
  public FeedForward create(Site site) {
    Router router = site.child(ROUTER, site.get(EXPERTS));
    long experts = site.get(EXPERTS);
    long hidden = hidden(site);
    long width = site.width();
    Init inner = LinearInit.inner(width);
    Experts chosen =
        new Experts(
            site.parameter("gate_up.weight", inner, experts, 2 * hidden, width),
            site.parameter(
                "down.weight", LinearInit.outer(site.depth(), hidden), experts, width, hidden));
    long together = site.get(SHARED_HIDDEN);
    if (together == 0) {
      return new Moe(router, chosen, Optional.empty());
    }
    SharedExperts shared =
        new SharedExperts(
            site.parameter("shared.gate_up.weight", inner, 2 * together, width),
            site.parameter(
                "shared.down.weight", LinearInit.outer(site.depth(), together), width, together));
    return new Moe(router, chosen, Optional.of(shared));
  }

  private static int hidden(Site site) {
    return site.get(HIDDEN).orElseGet(() -> (site.width() + 2) / 3 * 8);
  }

  /** Nothing. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  /**
   * Three products for each chosen and each shared expert of each token. Kept of an expert: gate
   * and up; of a chosen one its output too, which the gradient of its weight needs, and its input,
   * unless kernels read that where the router has it. Those are of the Hopper generation and for
   * bfloat16: where a model will run is not known here, and elsewhere the inputs, {@code tokens
   * topK width}, are kept beside what is counted.
   */
  @Override
  public Cost cost(Site site, Workload work) {
    double tokens = work.tokens();
    double hidden = hidden(site);
    double width = site.width();
    int experts = site.get(EXPERTS);
    Router router = site.child(ROUTER, experts);
    int topK = router.topK();
    double units = tokens * (topK * hidden + site.get(SHARED_HIDDEN));
    boolean copied =
        work.tokens() % router.span() != 0
            || !ExpertDispatch.readsInPlace(
                experts, 2L * hidden(site), site.width(), router.span());
    double kept = tokens * topK * width * (copied ? 2 : 1) + 2 * units;
    return new Cost(2 * 3 * width * units, kept, 0, (experts - topK) * 3 * width * hidden);
  }
}
