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
      KernelSet.of(source("strided_attention.cu"), source("strided_attention_backward.cu"));

  /** Elements of 16 bytes, in which memory is read. */
  private static final int VECTOR = 8;

  private static final int HEAD_STEP = 16;
  private static final int LARGEST_HEAD = 128;

  /** Queries, or keys, of a block. */
  private static final int TILE = 64;

  private static final int THREADS = 128;

  /** The gradients of keys are cut into so many tasks or more, unless those were too short. */
  private static final long MANY_TASKS = 1024;

  private static final int SHORTEST_SPAN = 256;

  private static KernelSource source(String file) {
    return KernelSource.of(
        StridedKernels.class,
        "primitives.cu",
        "dependent_launch.cu",
        "vectors.cu",
        "tensor_cores.cu",
        "strided_tiles.cu",
        file);
  }

  /** Gives the kernels if they can be used for such queries, and are to be. */
  static Optional<StridedKernels> of(Tensor queries, double scale, SparsePattern pattern) {
    long headDim = queries.size(3);
    if (Tensors.type(queries) != ScalarType.BFloat16
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

  /**
   * Attends to the strided keys and the first one.
   *
   * @param near the window's part, contiguous, changed in place to the whole
   */
  void attend(Qkv x, Partial near) {
    kernels
        .get("strided_attention")
        .launch(
            overQueries(x),
            strided(x.q()),
            strided(x.k()),
            strided(x.v()),
            near.out(),
            near.lse(),
            (int) x.time(),
            (int) x.q().size(2),
            shared(x),
            pattern.window(),
            pattern.every(),
            pattern.globals(),
            scale);
  }

  /**
   * Adds the gradients that come through these keys.
   *
   * @param whole of the whole attention, contiguous
   * @param near the gradients through the window, contiguous, changed in place
   */
  void backward(Qkv x, Upstream whole, Qkv near) {
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
            whole.out(),
            whole.gradient(),
            whole.lse(),
            near.q(),
            change,
            (int) x.time(),
            (int) heads,
            shared(x),
            pattern.window(),
            pattern.every(),
            pattern.globals(),
            scale);
    Tasks tasks = Tasks.of(pattern, x.time(), batch * heads);
    Tensor partials =
        Tensors.empty(
            x.q(), ScalarType.Float, batch, heads, tasks.count(), 2, (long) TILE * x.q().size(3));
    kernels
        .get("strided_backward_keys")
        .launch(
            new Grid(tasks.count(), heads, batch, THREADS),
            strided(x.q()),
            strided(x.k()),
            strided(x.v()),
            whole.gradient(),
            whole.lse(),
            change,
            partials,
            (int) x.time(),
            (int) heads,
            shared(x),
            pattern.window(),
            pattern.every(),
            pattern.globals(),
            scale,
            tasks.ofFirst(),
            tasks.ofOther(),
            tasks.span());
    kernels
        .get("strided_backward_sums")
        .launch(
            new Grid(tasks.keys(), x.k().size(2), batch, 2 * (int) x.q().size(3)),
            partials,
            near.k(),
            near.v(),
            (int) x.time(),
            (int) heads,
            shared(x),
            pattern.every(),
            tasks.ofFirst(),
            tasks.ofOther(),
            tasks.count());
  }

  private Grid overQueries(Qkv x) {
    long tiles = Grid.count(x.time() - pattern.window(), TILE);
    return new Grid(tiles, x.q().size(2), x.q().size(0), THREADS);
  }

  private static int shared(Qkv x) {
    return (int) (x.q().size(2) / x.k().size(2));
  }

  /**
   * How the gradients of keys and values are cut: a task has a tile of keys, and so many queries of
   * those that can see one of them. Key 0 is seen by all.
   *
   * @param keys strided ones that are seen
   * @param ofFirst tasks of the first tile
   * @param ofOther tasks of each other tile
   * @param span queries of a task
   */
  record Tasks(int keys, int ofFirst, int ofOther, int span) {
    /**
     * Cuts.
     *
     * @param time longer than the window
     * @param sequences as many times there are these tasks
     */
    static Tasks of(SparsePattern pattern, long time, long sequences) {
      long queries = time - pattern.window();
      long blocks = Grid.count(queries, pattern.every());
      long keys = pattern.globals() == 0 ? 1 : blocks;
      long seeing =
          Math.min(
              (TILE - 1L + pattern.globals()) * pattern.every(),
              queries - (long) TILE * pattern.every());
      int span = SHORTEST_SPAN;
      Tasks tasks = of(keys, queries, seeing, span);
      while (tasks.count() * sequences > MANY_TASKS && span < queries) {
        span *= 2;
        tasks = of(keys, queries, seeing, span);
      }
      return tasks;
    }

    private static Tasks of(long keys, long queries, long seeing, int span) {
      int ofOther = (int) Math.max(1, Grid.count(seeing, span));
      return new Tasks((int) keys, (int) Grid.count(queries, span), ofOther, span);
    }

    /** All of them. */
    int count() {
      return ofFirst + (int) (Grid.count(keys, TILE) - 1) * ofOther;
    }
  }
}
