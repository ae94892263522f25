package dev.hydra.router.topk;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Token-level routing: a linear map scores the experts, the k best handle the token (arXiv
 * 1701.06538, arXiv 2101.03961).
 */
@HydraPlugin("topk")
public final class TopKRouterFactory implements ComponentFactory<Router> {
  @Override
  public Role role() {
    return Role.ROUTER;
  }

  @Override
  public List<Option<?>> options() {
    return Choice.OPTIONS;
  }

  @Override
  public Router create(Site site) {
    Choice choice = Choice.of(site);
    return new TopKRouter(weight(site), choice);
  }

  /** Nothing. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return linearCost(site, work);
  }

  /** The map from hidden states to logits, in float32 because top-k amplifies rounding. */
  static Tensor weight(Site site) {
    return site.parameter(
        ParameterSpec.of("weight", Init.normal(0.02), site.outputs(), site.width()).inFp32());
  }

  /** The map itself, and the scores that are kept for backward. */
  static Cost linearCost(Site site, Workload work) {
    double tokens = work.tokens();
    double scores = tokens * site.outputs();
    return Cost.linear(tokens, site.width(), site.outputs()).plus(new Cost(0, 2 * scores, 0, 0));
  }
}
