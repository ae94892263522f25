package dev.hydra.mixer.attention;

import dev.hydra.libtorch.autograd.CustomFunction;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/** Attention without a mask by the kernel of {@link FusedKernel}. */
final class CpuAttention extends CustomFunction {
  private static final int KEPT = 5;

  private final boolean causal;
  private final double scale;

  private CpuAttention(boolean causal, double scale) {
    this.causal = causal;
    this.scale = scale;
  }

  /**
   * Attends.
   *
   * @param q [batch, heads, queries, headDim]
   * @param k [batch, heads, keys, headDim]
   * @param v [batch, heads, keys, headDim]
   * @param causal whether query {@code i} sees keys {@code 0..i} only
   * @return [batch, heads, queries, headDim]
   */
  static Tensor attend(Tensor q, Tensor k, Tensor v, boolean causal, double scale) {
    return new CpuAttention(causal, scale).apply(q, k, v)[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor[] results = FusedKernel.attend(inputs[0], inputs[1], inputs[2], causal, null, scale);
    context.save(inputs);
    context.save(results[0], results[1]);
    return new Tensor[] {results[0]};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] saved = new Tensor[KEPT];
    Arrays.setAll(saved, context::saved);
    Tensor[] given =
        FusedKernel.gradients(
            gradients.of(0), saved[0], saved[1], saved[2], saved[3], saved[4], causal, null, scale);
    for (int i = 0; i < given.length; i++) {
      gradients.give(i, given[i]);
    }
  }
}
