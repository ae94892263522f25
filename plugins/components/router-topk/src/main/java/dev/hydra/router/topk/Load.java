package dev.hydra.router.topk;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** How the choices of a forward fall on the experts. */
final class Load {
  private Load() {}

  /**
   * How many choices each expert has: [experts].
   *
   * @param experts the choices [batch, time, k]
   * @param scores [batch, time, experts], whose type the counts have
   */
  static Tensor counts(Tensor experts, Tensor scores) {
    try (Scalar one = new Scalar(1.0)) {
      return torch.zeros_like(scores.detach()).scatter_(-1, experts, one).sum(0, 1);
    }
  }

  /** The share of the choices that each expert has: [experts], of sum one. */
  static Tensor shares(Tensor experts, Tensor scores) {
    return Tensors.mul(counts(experts, scores), 1.0 / experts.numel());
  }
}
