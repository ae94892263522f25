package dev.hydra.ffn.moe;

import dev.hydra.api.FeedForward;
import dev.hydra.api.Pass;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.libtorch.nn.ExpertDispatch;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** Each token through the experts that its router chooses, and through the shared ones. */
final class Moe implements FeedForward {
  private final Router router;
  private final Experts experts;
  private final Optional<SharedExperts> shared;

  Moe(Router router, Experts experts, Optional<SharedExperts> shared) {
    this.router = router;
    this.experts = experts;
    this.shared = shared;
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    Routing routing = router.route(x, pass);
    Tensor tokens = x.reshape(-1, x.size(2));
    Optional<Tensor> other = shared.map(each -> each.forward(tokens));
    if (!pass.observing()) {
      Optional<Tensor> few = experts.few(tokens, routing, other);
      if (few.isPresent()) {
        return few.get().view(Tensors.sizes(x));
      }
    }
    ExpertDispatch dispatch = ExpertDispatch.of(routing, experts.count());
    if (pass.observing()) {
      pass.observe("dropped", dispatch.dropped());
    }
    Tensor computed = experts.forward(tokens, dispatch);
    return dispatch.combine(computed, routing.weights(), other).view(Tensors.sizes(x));
  }
}
