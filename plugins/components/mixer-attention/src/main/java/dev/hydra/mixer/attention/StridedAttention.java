package dev.hydra.mixer.attention;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A window, strided positions and the first one on CUDA: a fused {@link LocalAttention} for the
 * window, from which {@link StridedKernels} go on. Its twin is {@link MergedAttention} with {@link
 * GlobalAttention}, which does everything else: kept keys, documents with windows shorter than a
 * block of queries, heads of other sizes.
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
        || !FlashAttention.takes(x.q())
        || !pattern.hasGlobals()
        || x.time() <= pattern.window()) {
      return Optional.empty();
    }
    return StridedKernels.of(x.q(), attention.scale(), pattern, starts.isPresent())
        .map(
            kernels ->
                new StridedAttention(
                    LocalAttention.of(attention, pattern.window(), x, starts), kernels));
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
    Qkv x =
        new Qkv(
            StridedKernels.fit(inputs[0]),
            StridedKernels.fit(inputs[1]),
            StridedKernels.fit(inputs[2]));
    Optional<Tensor> starts = inputs.length > 3 ? Optional.of(inputs[3]) : Optional.empty();
    Partial near = window.forward(x, starts);
    Partial whole = new Partial(like(x.q(), near.out()), near.lse().contiguous());
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
    Qkv sums = new Qkv(like(x.q(), near.q()), like(x.k(), near.k()), like(x.v(), near.v()));
    kernels.backward(x, starts, whole, sums);
    gradients.give(0, sums.q());
    gradients.give(1, sums.k());
    gradients.give(2, sums.v());
  }

  /** Contiguous and in the given type, in which plain windows do not compute. */
  private static Tensor like(Tensor given, Tensor computed) {
    return Tensors.cast(computed, Tensors.type(given)).contiguous();
  }
}
