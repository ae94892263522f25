package dev.hydra.mixer.attention;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Launches the kernels of {@code merged_parts.cu}, which merge a window, strided positions and the
 * first one.
 *
 * @param kernels they
 * @param scale factor of the scores
 * @param globals strided positions that a query sees
 * @param layout of the strided part
 */
record MergeKernels(Kernels kernels, float scale, int globals, StridedLayout layout) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(MergeKernels.class, "primitives.cu", "vectors.cu", "merged_parts.cu"));

  /** Elements of 16 bytes, which a thread has of a head. */
  private static final int VECTOR = 8;

  private static final int THREADS = 256;
  private static final int TOKENS_OF_PART = 256;

  /** Gives the kernels if they are to be used for such queries, bfloat16 with whole vectors. */
  static Optional<MergeKernels> of(
      Tensor queries, double scale, SparsePattern pattern, StridedLayout layout) {
    return KERNELS
        .usable(queries, Map.of("HEAD_DIM", (int) queries.size(3)))
        .map(found -> new MergeKernels(found, (float) scale, pattern.globals(), layout));
  }

  /** The tensor itself if kernels can read its rows, else a copy. */
  static Tensor fit(Tensor heads) {
    boolean fits = heads.stride(3) == 1 && heads.storage_offset() % VECTOR == 0;
    for (int dim = 0; dim < 3; dim++) {
      fits &= heads.size(dim) == 1 || heads.stride(dim) % VECTOR == 0;
    }
    return fits ? heads : heads.contiguous();
  }

  /**
   * Merges.
   *
   * @param near the window's part; its result becomes the whole's
   * @param far the strided part, if there is one, as {@link StridedLayout} lays it out
   */
  Partial merge(Qkv x, Partial near, @Nullable Partial far) {
    Tensor lse = floats(near.lse(), Tensors.sizes(near.lse()));
    long heads = x.q().size(2);
    long rows = THREADS / lanes(x.q().size(3));
    kernels
        .get("merged_parts")
        .launch(
            new Grid((x.time() * heads + rows - 1) / rows, 1, x.q().size(0), THREADS),
            strided(x.q()),
            strided(x.k()),
            strided(x.v()),
            far == null ? null : far.out().contiguous(),
            far == null ? null : far.lse().contiguous(),
            near.lse().contiguous(),
            near.out(),
            lse,
            (int) x.time(),
            (int) heads,
            (int) (heads / x.k().size(2)),
            (int) layout.every(),
            (int) layout.shift(),
            (int) layout.blocks(),
            globals,
            scale);
    return new Partial(near.out(), lse);
  }

  /**
   * Adds what comes through the first key, and to the gradient of the queries what comes through
   * the strided part.
   *
   * @param near the gradients through the window, contiguous, changed in place
   * @param far the gradient of the queries through the strided part, if there is one
   */
  void add(Qkv x, Upstream whole, Qkv near, @Nullable Tensor far) {
    long batch = x.q().size(0);
    long heads = x.q().size(2);
    long kvHeads = x.k().size(2);
    long tokens = x.time() - layout.shift() * layout.every();
    long parts = (tokens + TOKENS_OF_PART - 1) / TOKENS_OF_PART;
    Tensor partials = floats(x.q(), batch, heads, parts, 2, x.q().size(3));
    kernels
        .get("merged_parts_backward")
        .launch(
            new Grid(parts, heads, batch, THREADS),
            strided(x.q()),
            strided(x.k()),
            strided(x.v()),
            far,
            whole.out(),
            whole.gradient(),
            whole.lse(),
            near.q(),
            partials,
            (int) x.time(),
            (int) heads,
            (int) (heads / kvHeads),
            (int) layout.every(),
            (int) layout.shift(),
            (int) layout.blocks(),
            globals,
            scale);
    Tensor first = partials.sum(2).unflatten(1, kvHeads, -1).sum(2);
    near.k().select(1, 0).add_(first.select(2, 0));
    near.v().select(1, 0).add_(first.select(2, 1));
  }

  /** Threads that share a head: the next power of two. */
  private static int lanes(long headDim) {
    int vectors = (int) headDim / VECTOR;
    int lanes = Integer.highestOneBit(vectors);
    return lanes == vectors ? lanes : 2 * lanes;
  }

  private static Tensor floats(Tensor like, long... sizes) {
    try (TensorOptions options = Tensors.like(like, ScalarType.Float)) {
      return torch.empty(sizes, options, null);
    }
  }
}
