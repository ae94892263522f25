package dev.hydra.mixer.attention;

import dev.hydra.libtorch.autograd.CustomFunction;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A window, strided positions and the first one on CUDA: the fastest {@link LocalAttention} for the
 * window, from which {@link StridedKernels} go on. {@link PatternAttention} does it for other
 * types, sizes of heads and windows; the twin of both, {@link MergedAttention} with {@link
 * GlobalAttention}, for kept keys and bounded scores.
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
    if (before > 0
        || isInlined()
        || attention.softCap().isPresent()
        || !pattern.exceedsWindow(x.time())) {
      return Optional.empty();
    }
    return LocalAttention.fastest(attention, pattern.window(), x, starts)
        .flatMap(
            window ->
                StridedKernels.of(x.q(), attention.scale(), pattern, starts.isPresent())
                    .map(kernels -> new StridedAttention(window, kernels)));
  }

  /**
   * Attends.
   *
   * @param starts the first token of each token's document, int64 [batch, time], if there are any
   * @return [batch, time, heads, headDim]
   */
  Tensor run(Qkv x, Optional<Tensor> starts) {
    return starts.map(each -> apply(x.q(), x.k(), x.v(), StridedKernels.perToken(each, x.q())))
        .orElseGet(() -> apply(x.q(), x.k(), x.v()))[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Qkv x = new Qkv(inputs[0], inputs[1], inputs[2]).readable();
    Optional<Tensor> starts = inputs.length > 3 ? Optional.of(inputs[3]) : Optional.empty();
    Partial near = window.forward(x, starts);
    Partial whole = new Partial(near.out().contiguous(), near.lse().contiguous());
    kernels.attend(x, starts, whole);
    context.save(x.q(), x.k(), x.v(), whole.out(), whole.lse());
    starts.ifPresent(context::save);
    return new Tensor[] {whole.out()};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Qkv x = new Qkv(context.saved(0), context.saved(1), context.saved(2));
    Optional<Tensor> starts =
        context.savedCount() > 5 ? Optional.of(context.saved(5)) : Optional.empty();
    Tensor arriving = StridedKernels.fit(gradients.of(0).contiguous());
    Upstream whole = new Upstream(context.saved(3), context.saved(4), arriving);
    Qkv near = window.backward(x, starts, whole);
    Qkv sums = new Qkv(near.q().contiguous(), near.k().contiguous(), near.v().contiguous());
    kernels.backward(x, starts, whole, sums);
    gradients.give(0, sums.q());
    gradients.give(1, sums.k());
    gradients.give(2, sums.v());
  }
}
