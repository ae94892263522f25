package dev.hydra.mixer.attention;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A window, strided positions and the first one on CUDA: FlashAttention for the window, and once
 * more for the strided positions, which {@link StridedLayout} makes a window, then one kernel that
 * merges. Its twin is {@link MergedAttention} with {@link GlobalAttention}, which does everything
 * else: packed documents, kept keys, distances that do not divide the window.
 */
final class StridedAttention extends CustomFunction {
  /** Sequences that a CUDA kernel can count along a grid's second dimension. */
  private static final long MOST_SEQUENCES = 65_535;

  private final FlashAttention window;
  private final Optional<FlashAttention> strided;
  private final StridedLayout layout;
  private final MergeKernels kernels;

  private StridedAttention(
      FlashAttention window, Optional<FlashAttention> strided, MergeKernels kernels) {
    this.window = window;
    this.strided = strided;
    this.layout = kernels.layout();
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
    Tensor q = x.q();
    if (starts.isPresent()
        || before > 0
        || isInlined()
        || attention.softCap().isPresent()
        || Tensors.type(q) != ScalarType.BFloat16
        || !FlashAttention.takes(q)
        || !pattern.hasGlobals()
        || pattern.window() % pattern.every() != 0
        || x.time() <= pattern.window()
        || q.size(0) * pattern.every() > MOST_SEQUENCES) {
      return Optional.empty();
    }
    StridedLayout layout = StridedLayout.of(pattern, x.time());
    double scale = attention.scale();
    Optional<FlashAttention> strided =
        pattern.globals() == 0
            ? Optional.empty()
            : Optional.of(new FlashAttention(scale, pattern.globals()));
    return MergeKernels.of(q, scale, pattern, layout)
        .map(
            kernels ->
                new StridedAttention(
                    new FlashAttention(scale, pattern.window()), strided, kernels));
  }

  /** Attends: [batch, time, heads, headDim]. */
  Tensor run(Qkv x) {
    return apply(x.q(), x.k(), x.v())[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Qkv x =
        new Qkv(
            MergeKernels.fit(inputs[0]), MergeKernels.fit(inputs[1]), MergeKernels.fit(inputs[2]));
    Partial near = window.forward(x, Optional.empty());
    @Nullable Partial far =
        strided.map(flash -> flash.forward(layout.cut(x), Optional.empty())).orElse(null);
    Partial whole = kernels.merge(x, new Partial(near.out().contiguous(), near.lse()), far);
    context.save(x.q(), x.k(), x.v(), whole.out(), whole.lse());
    return new Tensor[] {whole.out()};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Qkv x = new Qkv(context.saved(0), context.saved(1), context.saved(2));
    Upstream whole = new Upstream(context.saved(3), context.saved(4), gradients.of(0).contiguous());
    Qkv near = window.backward(x, Optional.empty(), whole);
    Qkv sums = new Qkv(near.q().contiguous(), near.k().contiguous(), near.v().contiguous());
    @Nullable Tensor far = null;
    if (strided.isPresent()) {
      Qkv through = strided.get().backward(layout.cut(x), Optional.empty(), layout.cut(whole));
      layout.add(sums.k(), through.k());
      layout.add(sums.v(), through.v());
      far = through.q().contiguous();
    }
    kernels.add(x, whole, sums, far);
    gradients.give(0, sums.q());
    gradients.give(1, sums.k());
    gradients.give(2, sums.v());
  }
}
