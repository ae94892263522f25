package dev.hydra.mixer.attention;

import dev.hydra.libtorch.autograd.CustomFunction;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A window, strided positions and the first one on CUDA: a fused {@link LocalAttention} for the
 * window, from which {@link StridedKernels} go on. Its twin is {@link MergedAttention} with {@link
 * GlobalAttention}, which does everything else: packed documents, kept keys, heads of other sizes.
 */
final class StridedAttention extends CustomFunction {
  private final LocalAttention window;
  private final StridedKernels kernels;

  private StridedAttention(LocalAttention window, StridedKernels kernels) {
    this.window = window;
    this.kernels = kernels;
  }

  /**
   * Chooses.
   *
   * @param before tokens before the queries
   * @param starts of documents, if there are any
   */
  static Optional<StridedAttention> of(
      DenseAttention attention,
      SparsePattern pattern,
      Qkv x,
      long before,
      Optional<Tensor> starts) {
    if (starts.isPresent()
        || before > 0
        || isInlined()
        || attention.softCap().isPresent()
        || !FlashAttention.takes(x.q())
        || !pattern.hasGlobals()
        || x.time() <= pattern.window()) {
      return Optional.empty();
    }
    return StridedKernels.of(x.q(), attention.scale(), pattern)
        .map(
            kernels ->
                new StridedAttention(
                    LocalAttention.of(attention, pattern.window(), x, starts), kernels));
  }

  /** Attends: [batch, time, heads, headDim]. */
  Tensor run(Qkv x) {
    return apply(x.q(), x.k(), x.v())[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Qkv x =
        new Qkv(
            StridedKernels.fit(inputs[0]),
            StridedKernels.fit(inputs[1]),
            StridedKernels.fit(inputs[2]));
    Partial near = window.forward(x, Optional.empty());
    Partial whole = new Partial(near.out().contiguous(), near.lse().contiguous());
    kernels.attend(x, whole);
    context.save(x.q(), x.k(), x.v(), whole.out(), whole.lse());
    return new Tensor[] {whole.out()};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Qkv x = new Qkv(context.saved(0), context.saved(1), context.saved(2));
    Tensor arriving = StridedKernels.fit(gradients.of(0).contiguous());
    Upstream whole = new Upstream(context.saved(3), context.saved(4), arriving);
    Qkv near = window.backward(x, Optional.empty(), whole);
    Qkv sums = new Qkv(near.q().contiguous(), near.k().contiguous(), near.v().contiguous());
    kernels.backward(x, whole, sums);
    gradients.give(0, sums.q());
    gradients.give(1, sums.k());
    gradients.give(2, sums.v());
  }
}
