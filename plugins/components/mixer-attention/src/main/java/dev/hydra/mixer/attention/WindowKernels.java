package dev.hydra.mixer.attention;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A window, or all keys before, by the kernels of {@code window_attention.cu} and {@code
 * window_attention_backward.cu}, for Hopper (compute capability 9.0), with packed documents or
 * without; {@link BlockedAttention} is the plain twin. Sums have a fixed order, so that gradients
 * have the same bits each time.
 *
 * @param kernels they
 * @param scale factor of the scores
 * @param window positions that a query sees, its own included
 */
record WindowKernels(Kernels kernels, float scale, long window) implements LocalAttention {
  private static final KernelSet KERNELS =
      KernelSet.of(
          source("hopper_products.cu", "window_attention.cu"),
          source("window_attention_backward.cu"));

  /** Their products of four warps are instructions of this major compute capability only. */
  private static final int HOPPER = 9;

  private static final Set<Long> HEAD_DIMS = Set.of(64L, 128L);

  /** Queries of a block, and its threads, forward. */
  private static final int QUERIES = 128;

  private static final int THREADS = 256;

  /** Queries, or keys, of a block, and its threads, backward. */
  private static final int OWN = 128;

  private static final int BACKWARD_THREADS = 256;

  private static KernelSource source(String... files) {
    String[] all = new String[files.length + 3];
    all[0] = "primitives.cu";
    all[1] = "vectors.cu";
    all[2] = "tensor_cores.cu";
    System.arraycopy(files, 0, all, 3, files.length);
    return KernelSource.of(WindowKernels.class, all);
  }

  /**
   * Gives the kernels if they can do what is asked, and are to be used.
   *
   * @param x the whole sequence: kernels do not go on from keys of tokens before the queries
   */
  static Optional<WindowKernels> of(DenseAttention attention, long window, Qkv x) {
    Tensor q = x.q();
    long headDim = q.size(3);
    if (!q.is_cuda()
        || CustomFunction.isInlined()
        || attention.softCap().isPresent()
        || Tensors.type(q) != ScalarType.BFloat16
        || !HEAD_DIMS.contains(headDim)
        || x.time() != x.keys()
        || ceil(x.time(), QUERIES) > Grid.MOST_ROWS
        || Gpu.of(q).major() != HOPPER) {
      return Optional.empty();
    }
    return KERNELS
        .usable(q, Map.of("HEAD_DIM", (int) headDim))
        .map(found -> new WindowKernels(found, (float) attention.scale(), window));
  }

  @Override
  public Partial forward(Qkv given, Optional<Tensor> starts) {
    Qkv x = fit(given);
    Tensor out = Tensors.empty(x.q(), ScalarType.BFloat16, Tensors.sizes(x.q()));
    Tensor lse = perQuery(x, x.time());
    launch(
        "window_attention",
        new Grid(sequences(x.q()), ceil(x.time(), QUERIES), 1, THREADS),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        starts.map(each -> perToken(each, x)).orElse(null),
        out,
        lse,
        (int) x.time(),
        (int) x.q().size(2),
        shared(x),
        inSight(x),
        scale);
    return new Partial(out, lse);
  }

  @Override
  public Qkv backward(Qkv given, Optional<Tensor> starts, Upstream upstream) {
    Qkv x = fit(given);
    Tensor out = StridedKernels.fit(upstream.out());
    Tensor gradient = StridedKernels.fit(upstream.gradient());
    long blocks = ceil(x.time(), OWN);
    Tensor level = perQuery(x, blocks * OWN);
    Tensor delta = perQuery(x, blocks * OWN);
    Tensor first = Tensors.empty(x.q(), ScalarType.Int, x.q().size(0), blocks * OWN);
    Grid overQueries = new Grid(sequences(x.q()), blocks, 1, BACKWARD_THREADS);
    launch(
        "window_backward_rows",
        overQueries,
        strided(out),
        strided(gradient),
        upstream.lse().contiguous(),
        starts.map(each -> perToken(each, x)).orElse(null),
        1, // starts are int64
        level,
        delta,
        first,
        (int) x.time(),
        (int) x.q().size(2),
        inSight(x));
    Qkv gradients = new Qkv(like(x.q()), like(x.k()), like(x.v()));
    launch(
        "window_backward_keys",
        new Grid(sequences(x.k()), blocks, 1, BACKWARD_THREADS),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        strided(gradient),
        level,
        delta,
        first,
        strided(gradients.k()),
        strided(gradients.v()),
        (int) x.time(),
        (int) x.q().size(2),
        shared(x),
        scale);
    launch(
        "window_backward_queries",
        overQueries,
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        strided(gradient),
        level,
        delta,
        first,
        strided(gradients.q()),
        (int) x.time(),
        (int) x.q().size(2),
        shared(x),
        scale);
    return gradients;
  }

  private void launch(String kernel, Grid grid, @Nullable Object... arguments) {
    kernels.get(kernel).launch(grid, arguments);
  }

  private static Qkv fit(Qkv x) {
    return new Qkv(StridedKernels.fit(x.q()), StridedKernels.fit(x.k()), StridedKernels.fit(x.v()));
  }

  /** The window, or the sequence if that is shorter. */
  private int inSight(Qkv x) {
    return (int) Math.min(window, x.time());
  }

  /** Heads, of all rows of the batch. */
  private static long sequences(Tensor heads) {
    return heads.size(0) * heads.size(2);
  }

  private static int shared(Qkv x) {
    return (int) (x.q().size(2) / x.k().size(2));
  }

  private static Tensor perToken(Tensor starts, Qkv x) {
    return starts.expand(x.q().size(0), x.time()).contiguous();
  }

  private static Tensor perQuery(Qkv x, long time) {
    return Tensors.empty(x.q(), ScalarType.Float, x.q().size(0), x.q().size(2), time);
  }

  private static Tensor like(Tensor heads) {
    return Tensors.empty(heads, Tensors.type(heads), Tensors.sizes(heads));
  }

  private static long ceil(long number, long divisor) {
    return (number + divisor - 1) / divisor;
  }
}
