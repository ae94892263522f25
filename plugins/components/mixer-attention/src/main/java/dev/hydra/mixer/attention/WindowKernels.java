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
import java.util.stream.Stream;
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
          source("window_attention.cu"),
          source("window_backward_tiles.cu", "window_attention_backward.cu"));

  private static final Set<Long> HEAD_DIMS = Set.of(64L, 128L);

  /** Groups of four warps issue products together and have so many queries, or keys. */
  private static final int GROUP_ROWS = 64;

  private static final int GROUP_THREADS = 128;

  /** Statistics of the queries of a head are padded to multiples of what a block makes. */
  private static final int PADDING = 128;

  private static final int ROW_THREADS = 256;

  private static KernelSource source(String... files) {
    Stream<String> shared =
        Stream.of(
            "primitives.cu",
            "vectors.cu",
            "tensor_cores.cu",
            "hopper_products.cu",
            "bulk_copies.cu");
    return KernelSource.of(
        WindowKernels.class, Stream.concat(shared, Stream.of(files)).toArray(String[]::new));
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
        || q.size(0) > Grid.MOST_ROWS
        || Grid.count(x.time(), GROUP_ROWS) > Grid.MOST_ROWS
        || !Gpu.of(q).isHopper()) {
      return Optional.empty();
    }
    return KERNELS
        .usable(q, Map.of("HEAD_DIM", (int) headDim))
        .map(found -> new WindowKernels(found, (float) attention.scale(), window));
  }

  @Override
  public Partial forward(Qkv given, Optional<Tensor> starts) {
    Qkv x = given.readable();
    Tensor out = Tensors.empty(x.q(), ScalarType.BFloat16, Tensors.sizes(x.q()));
    Tensor lse = x.perQuery(x.time());
    launch(
        "window_attention",
        blocks(x.q(), 1, 3),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        starts.map(each -> StridedKernels.perToken(each, x.q())).orElse(null),
        out,
        lse,
        (int) x.time(),
        (int) x.q().size(2),
        x.shared(),
        inSight(x),
        scale);
    return new Partial(out, lse);
  }

  @Override
  public Qkv backward(Qkv given, Optional<Tensor> starts, Upstream upstream) {
    Qkv x = given.readable();
    Tensor out = StridedKernels.fit(upstream.out());
    Tensor gradient = StridedKernels.fit(upstream.gradient());
    long parts = Grid.count(x.time(), PADDING);
    Tensor level = x.perQuery(parts * PADDING);
    Tensor offset = x.perQuery(parts * PADDING);
    Tensor first = Tensors.empty(x.q(), ScalarType.Int, x.q().size(0), parts * PADDING);
    launch(
        "window_backward_rows",
        new Grid(parts * x.q().size(2), x.q().size(0), 1, ROW_THREADS),
        strided(out),
        strided(gradient),
        upstream.lse().contiguous(),
        starts.map(each -> StridedKernels.perToken(each, x.q())).orElse(null),
        level,
        offset,
        first,
        (int) x.time(),
        (int) x.q().size(2),
        inSight(x));
    Qkv gradients = x.room();
    launch(
        "window_backward_keys",
        blocks(x.k(), 3, 2),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        strided(gradient),
        level,
        offset,
        first,
        strided(gradients.k()),
        strided(gradients.v()),
        (int) x.time(),
        (int) x.q().size(2),
        x.shared(),
        scale);
    launch(
        "window_backward_queries",
        blocks(x.q(), 2, 3),
        strided(x.q()),
        strided(x.k()),
        strided(x.v()),
        strided(gradient),
        level,
        offset,
        first,
        strided(gradients.q()),
        (int) x.time(),
        (int) x.q().size(2),
        x.shared(),
        scale);
    return gradients;
  }

  private void launch(String kernel, Grid grid, @Nullable Object... arguments) {
    kernels.get(kernel).launch(grid, arguments);
  }

  /** The window, or the sequence if that is shorter. */
  private int inSight(Qkv x) {
    return (int) Math.min(window, x.time());
  }

  /**
   * The blocks that have all rows of heads.
   *
   * @param groups of four warps in a block, if a head has 64 channels
   * @param wideGroups the same if it has 128
   */
  private static Grid blocks(Tensor heads, int groups, int wideGroups) {
    int count = heads.size(3) == 64 ? groups : wideGroups;
    return new Grid(
        heads.size(0) * heads.size(2),
        Grid.count(heads.size(1), (long) count * GROUP_ROWS),
        1,
        count * GROUP_THREADS);
  }
}
