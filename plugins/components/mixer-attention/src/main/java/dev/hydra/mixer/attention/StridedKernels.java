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
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Launches the kernels of {@code strided_attention.cu}, which go on from the window's part of an
 * attention with the strided keys before it and the first one. They read keys and values where they
 * lie. Sums have a fixed order.
 *
 * @param kernels they
 * @param pattern what is seen
 * @param scale factor of the scores
 */
record StridedKernels(Kernels kernels, SparsePattern pattern, float scale) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          source("strided_attention.cu"),
          source("strided_attention_backward.cu"),
          StridedSums.SOURCE);

  /** Elements of 16 bytes, in which memory is read. */
  private static final int VECTOR = 8;

  private static final int HEAD_STEP = 16;
  private static final int LARGEST_HEAD = 128;

  /** Queries, or keys, of a block. */
  static final int TILE = 64;

  private static final int THREADS = 128;

  private static KernelSource source(String file) {
    return KernelSource.of(
        StridedKernels.class,
        "primitives.cu",
        "dependent_launch.cu",
        "vectors.cu",
        "tensor_cores.cu",
        "strided_keys.cu",
        "strided_tiles.cu",
        file);
  }

  /**
   * Gives the kernels if they can be used for such queries, and are to be.
   *
   * @param packed whether there are documents: of the queries of a block, those of one only may see
   *     keys before their window
   */
  static Optional<StridedKernels> of(
      Tensor queries, double scale, SparsePattern pattern, boolean packed) {
    long headDim = queries.size(3);
    if (Tensors.type(queries) != ScalarType.BFloat16
        || (packed && pattern.window() < TILE - 1)
        || headDim % HEAD_STEP != 0
        || headDim > LARGEST_HEAD
        || queries.size(0) > Grid.MOST_ROWS) {
      return Optional.empty();
    }
    return KERNELS
        .usable(queries, Map.of("HEAD_DIM", (int) headDim))
        .map(found -> new StridedKernels(found, pattern, (float) scale));
  }

  /** The tensor itself if kernels can read its rows, else a copy. */
  static Tensor fit(Tensor heads) {
    boolean fits = heads.stride(3) == 1 && heads.storage_offset() % VECTOR == 0;
    for (int dim = 0; dim < 3; dim++) {
      fits &= heads.size(dim) == 1 || heads.stride(dim) % VECTOR == 0;
    }
    return fits ? heads : heads.contiguous();
  }

  /** Starts of documents as kernels read them, those of all sequences: [batch, time]. */
  static Tensor perToken(Tensor starts, Tensor queries) {
    return starts.expand(queries.size(0), queries.size(1)).contiguous();
  }

  /**
   * Attends to the strided keys and the first one.
   *
   * @param starts {@link #perToken} if there are documents
   * @param near the window's part, contiguous, changed in place to the whole
   */
  void attend(Qkv x, Optional<Tensor> starts, Partial near) {
    kernels
        .get("strided_attention")
        .launch(
            overQueries(x),
            strided(x.q()),
            strided(x.k()),
            strided(x.v()),
            starts.orElse(null),
            near.out(),
            near.lse(),
            (int) x.time(),
            (int) x.q().size(2),
            x.shared(),
            pattern.window(),
            pattern.every(),
            pattern.globals(),
            scale);
  }

  /**
   * Adds the gradients that come through these keys.
   *
   * @param starts {@link #perToken} if there are documents
   * @param whole of the whole attention, contiguous
   * @param near the gradients through the window, contiguous, changed in place
   */
  void backward(Qkv x, Optional<Tensor> starts, Upstream whole, Qkv near) {
    long batch = x.q().size(0);
    long heads = x.q().size(2);
    Tensor change = Tensors.empty(x.q(), ScalarType.Float, batch, heads, x.time());
    kernels
        .get("strided_backward_queries")
        .launch(
            overQueries(x),
            strided(x.q()),
            strided(x.k()),
            strided(x.v()),
            starts.orElse(null),
            whole.out(),
            whole.gradient(),
            whole.lse(),
            near.q(),
            change,
            (int) x.time(),
            (int) heads,
            x.shared(),
            pattern.window(),
            pattern.every(),
            pattern.globals(),
            scale);
    StridedSums sums = StridedSums.of(pattern, x, starts.isPresent());
    StridedTasks tasks = sums.tasks();
    kernels
        .get("strided_backward_keys")
        .launch(
            new Grid(tasks.count(), heads, batch, THREADS),
            strided(x.q()),
            strided(x.k()),
            strided(x.v()),
            starts.orElse(null),
            whole.gradient(),
            whole.lse(),
            change,
            sums.partials(),
            (int) x.time(),
            (int) heads,
            x.shared(),
            pattern.window(),
            pattern.every(),
            pattern.globals(),
            scale,
            tasks.firsts(),
            tasks.ofFirst(),
            tasks.ofOther(),
            tasks.span());
    sums.addTo(kernels, x, starts.orElse(null), near);
  }

  private Grid overQueries(Qkv x) {
    long tiles = Grid.count(x.time() - pattern.window(), TILE);
    return new Grid(tiles, x.q().size(2), x.q().size(0), THREADS);
  }
}
