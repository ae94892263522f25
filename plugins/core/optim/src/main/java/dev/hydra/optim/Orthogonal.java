package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Finds the nearly orthogonal matrix next to a matrix by a Newton-Schulz iteration of fifth order
 * (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024): {@code U S V^T}
 * becomes about {@code U V^T}, with singular values between about 0.7 and 1.2.
 */
final class Orthogonal {
  private static final double A = 3.4445;
  private static final double B = -4.7750;
  private static final double C = 2.0315;
  private static final double EPSILON = 1e-7;

  private Orthogonal() {}

  /**
   * Makes each matrix nearly orthogonal; in bfloat16 on CUDA.
   *
   * @param matrices [n, rows, columns]
   * @param steps of the iteration
   * @return in the same type and shape; matrices of zeros stay zero
   */
  static Tensor of(Tensor matrices, int steps) {
    return Scopes.keep(
        () -> {
          boolean tall = matrices.size(1) > matrices.size(2);
          Tensor norm = matrices.square().sum(new long[] {1, 2}, true, null).sqrt();
          Tensor x = matrices.div(Tensors.add(norm, EPSILON));
          x = Tensors.cast(tall ? x.transpose(1, 2) : x, computed(matrices));
          for (int i = 0; i < steps; i++) {
            x = step(x);
          }
          return Tensors.cast(tall ? x.transpose(1, 2) : x, Tensors.type(matrices));
        });
  }

  private static ScalarType computed(Tensor matrices) {
    ScalarType type = Tensors.type(matrices);
    return matrices.is_cuda() && type == ScalarType.Float ? ScalarType.BFloat16 : type;
  }

  /** Computes {@code a X + (b X X^T + c (X X^T)^2) X}. */
  private static Tensor step(Tensor x) {
    return Scopes.keep(
        () -> {
          Tensor square = x.bmm(x.transpose(1, 2));
          Tensor polynomial = Tensors.mul(square, B).add_(Tensors.mul(square.bmm(square), C));
          return Tensors.mul(x, A).add_(polynomial.bmm(x));
        });
  }
}
