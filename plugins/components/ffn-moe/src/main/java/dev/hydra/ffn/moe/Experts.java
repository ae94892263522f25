package dev.hydra.ffn.moe;

import dev.hydra.api.Routing;
import dev.hydra.libtorch.nn.ExpertDispatch;
import dev.hydra.libtorch.nn.FusedExperts;
import dev.hydra.libtorch.nn.GatedActivation;
import dev.hydra.libtorch.nn.LinearInput;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * SwiGLU experts with stacked matrices.
 *
 * @param gateUp [experts, 2 hidden, width], the gate first
 * @param down [experts, width, hidden]
 */
record Experts(Tensor gateUp, Tensor down) {
  /**
   * Computes each token by its experts.
   *
   * @param tokens [tokens, width]
   * @return [rows, width] by place
   */
  Tensor forward(Tensor tokens, ExpertDispatch dispatch) {
    LinearInput hidden = GatedActivation.SILU.ofHalves(dispatch.toExperts(tokens, gateUp));
    return dispatch.byExperts(hidden, down);
  }

  /** Computes a few tokens by their experts, with what else is added, where kernels do that. */
  Optional<Tensor> few(Tensor tokens, Routing routing, Optional<Tensor> other) {
    return FusedExperts.compute(tokens, routing, gateUp, down, other);
  }

  /** The number of experts. */
  long count() {
    return gateUp.size(0);
  }
}
