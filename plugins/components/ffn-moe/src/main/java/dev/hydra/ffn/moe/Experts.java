package dev.hydra.ffn.moe;

import dev.hydra.api.Routing;
import dev.hydra.libtorch.nn.FusedExperts;
import dev.hydra.libtorch.nn.GatedActivation;
import dev.hydra.libtorch.nn.GroupedLinear;
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
   * Computes each row by one expert.
   *
   * @param rows [rows, width], those of each expert together
   * @param ends int32 [experts]: where the rows of each expert end
   */
  Tensor forward(Tensor rows, Tensor ends) {
    LinearInput hidden = GatedActivation.SILU.ofHalves(GroupedLinear.apply(rows, gateUp, ends));
    return GroupedLinear.apply(hidden, down, ends);
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
