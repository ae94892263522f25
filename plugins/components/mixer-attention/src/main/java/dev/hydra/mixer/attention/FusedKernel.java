package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.CpuThreads;
import dev.hydra.libtorch.runtime.OpenBlas;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Attention by LibTorch's fused kernel for the CPU, which runs heads in parallel and holds scores
 * in tiles only; {@link PlainKernel} is the plain twin.
 *
 * @param scale factor of the scores
 */
record FusedKernel(double scale) implements BlockKernel {
  private static final Operator FORWARD =
      Operators.find("aten::_scaled_dot_product_flash_attention_for_cpu", "");
  private static final Operator BACKWARD =
      Operators.find("aten::_scaled_dot_product_flash_attention_for_cpu_backward", "");
  private static final double NO_DROPOUT = 0;

  /** Of keys with so many numbers, one query is faster with all threads. */
  private static final long MANY_KEYS = 1 << 18;

  @Override
  public Tensor[] forward(Tensor q, Tensor k, Tensor v, Tensor visible) {
    Tensor[] results = attend(q, k, v, false, mask(q, visible), scale);
    // The kernel's normaliser of a row that sees nothing is finite.
    Tensor blind = visible.any(3, false).logical_not();
    Tensor lse = Tensors.maskedFill(results[1], blind, Double.NEGATIVE_INFINITY);
    return new Tensor[] {results[0], lse};
  }

  @Override
  public Tensor[] backward(
      Tensor q, Tensor k, Tensor v, Tensor visible, Tensor out, Tensor lse, Tensor gradient) {
    return gradients(gradient, q, k, v, out, lse, false, mask(q, visible), scale);
  }

  /** The result and its normaliser; {@code mask} is added to the scores. */
  static Tensor[] attend(
      Tensor q, Tensor k, Tensor v, boolean causal, @Nullable Tensor mask, double scale) {
    return CpuThreads.all(
        k.numel() >= MANY_KEYS,
        () -> OpenBlas.unthreaded(() -> FORWARD.call(q, k, v, NO_DROPOUT, causal, mask, scale)));
  }

  /** The gradients of queries, keys and values. */
  static Tensor[] gradients(
      Tensor gradient,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor lse,
      boolean causal,
      @Nullable Tensor mask,
      double scale) {
    return OpenBlas.unthreaded(
        () -> BACKWARD.call(gradient, q, k, v, out, lse, NO_DROPOUT, causal, mask, scale));
  }

  /** What to add to the scores. */
  private static Tensor mask(Tensor q, Tensor visible) {
    return Tensors.maskedFill(
        torch.zeros(Tensors.sizes(visible), q.options()),
        visible.logical_not(),
        Double.NEGATIVE_INFINITY);
  }
}
