package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.kernels.TensorMap;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The products of groups of rows in bfloat16 by CUDA kernels for Hopper (compute capability 9.0),
 * where each group is whole chunks of 64 rows, as tokens are that are routed by chunks. Rows that
 * are copies of tokens are read where the tokens are. Rows behind the last group become zeros. Its
 * twin is {@link GroupedLinear#looped}.
 *
 * @param kernels its kernels
 */
record ChunkProducts(Kernels kernels) implements GroupedProduct.Products {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              ChunkProducts.class,
              "primitives.cu",
              "dependent_launch.cu",
              "tensor_cores.cu",
              "hopper_products.cu",
              "bulk_copies.cu",
              "chunk_tiles.cu",
              "chunk_products.cu"));

  private static final int THREADS = 384;

  /** Rows that are read together. */
  private static final int CHUNK = 64;

  /** Rows of a box of matrices that are multiplied along their rows. */
  private static final int MATRIX_ROWS = 128;

  /** The program has a table of them. */
  private static final long MOST_GROUPS = 64;

  /** What sides of matrices are multiples of: 16 bytes. */
  private static final int UNIT = 8;

  /** The program counts rows, and elements of a side, in an int. */
  private static final long MOST_ROWS = 1L << 30;

  /** Says whether the kernels are for matrices and groups of such sizes. */
  static boolean takes(long groups, long out, long in, long span) {
    return span % CHUNK == 0 && groups <= MOST_GROUPS && out % UNIT == 0 && in % UNIT == 0;
  }

  /**
   * Chooses: gives the kernels if they take matrices and rows, the device is of the Hopper
   * generation, kernels are to be used there and the tiles of the matrices fill it without {@link
   * RowParts}.
   *
   * @param weights bfloat16 [groups, out, in]
   * @param rows of all groups together
   * @param span what the ends of groups are multiples of
   */
  static Optional<ChunkProducts> of(Tensor weights, long rows, int span) {
    long groups = weights.size(0);
    long out = weights.size(1);
    long in = weights.size(2);
    if (!Rows.wanted(weights)
        || Tensors.type(weights) != ScalarType.BFloat16
        || weights.numel() == 0
        || rows == 0
        || Math.max(rows, Math.max(out, in)) > MOST_ROWS
        || !takes(groups, out, in, span)
        || !Gpu.of(weights).isHopper()) {
      return Optional.empty();
    }
    int multiprocessors = Gpu.of(weights).multiprocessors();
    return RowParts.count(groups, rows, out, in, multiprocessors) == 1
        ? KERNELS.usable(weights, Map.of()).map(ChunkProducts::new)
        : Optional.empty();
  }

  /**
   * Where rows are read.
   *
   * @param order int64 [places]: which pair's tokens those of a place are, see {@link
   *     ExpertDispatch}; null if rows are read in their order
   * @param choices pairs of a decision
   * @param chunks of a place
   */
  private record Source(@Nullable Tensor order, int choices, int chunks) {
    static final Source ROWS = new Source(null, 1, 1);
  }

  @Override
  public Tensor forward(Tensor rows, Tensor weights, Tensor ends) {
    return forward(rows, weights, ends, Source.ROWS);
  }

  /**
   * Computes {@code rows W_g^T} of rows that are copies of tokens: [tokens * choices, out].
   *
   * @param order int64 [places]: the pair at each place, see {@link ExpertDispatch}
   * @param span tokens of a place
   */
  Tensor ofTokens(Tensor tokens, Tensor weights, Tensor ends, Tensor order, int choices, int span) {
    return forward(tokens, weights, ends, new Source(order, choices, span / CHUNK));
  }

  private Tensor forward(Tensor from, Tensor weights, Tensor ends, Source source) {
    long rows = from.size(0) * source.choices;
    Tensor products = Tensors.empty(weights, ScalarType.BFloat16, rows, weights.size(1));
    launch(
        "chunk_products",
        read(from, CHUNK),
        read(weights, MATRIX_ROWS),
        written(products),
        ends.contiguous(),
        source.order,
        source.choices,
        source.chunks,
        (int) weights.size(0),
        (int) (rows / CHUNK),
        (int) weights.size(2),
        (int) weights.size(1));
    return products;
  }

  @Override
  public Tensor ofRows(Tensor arrived, Tensor weights, Tensor ends) {
    Tensor gradient = Tensors.empty(weights, ScalarType.BFloat16, arrived.size(0), weights.size(2));
    launch(
        "chunk_products_rows",
        read(arrived, CHUNK),
        read(weights, CHUNK),
        written(gradient),
        ends.contiguous(),
        (int) weights.size(0),
        (int) (arrived.size(0) / CHUNK),
        (int) weights.size(2),
        (int) weights.size(1));
    return gradient;
  }

  @Override
  public Tensor ofWeights(Tensor arrived, Tensor rows, Tensor ends) {
    return ofWeights(arrived, rows, ends, Source.ROWS);
  }

  /** Computes the gradient of the weights of {@link #ofTokens}: [groups, out, in]. */
  Tensor ofWeights(
      Tensor arrived, Tensor tokens, Tensor ends, Tensor order, int choices, int span) {
    return ofWeights(arrived, tokens, ends, new Source(order, choices, span / CHUNK));
  }

  private Tensor ofWeights(Tensor arrived, Tensor from, Tensor ends, Source source) {
    long groups = ends.size(0);
    Tensor gradient =
        Tensors.empty(arrived, ScalarType.BFloat16, groups, arrived.size(1), from.size(1));
    launch(
        "chunk_products_weights",
        read(arrived, CHUNK),
        read(from, CHUNK),
        written(gradient),
        ends.contiguous(),
        source.order,
        source.choices,
        source.chunks,
        (int) groups,
        (int) (arrived.size(0) / CHUNK),
        (int) from.size(1),
        (int) arrived.size(1));
    return gradient;
  }

  private static TensorMap read(Tensor tensor, int rows) {
    return new TensorMap(VectorSize.fit(UNIT, tensor.contiguous()), rows);
  }

  private static TensorMap written(Tensor result) {
    return new TensorMap(result, CHUNK);
  }

  /** A block for each multiprocessor, of which it takes the shared memory. */
  private void launch(String kernel, @Nullable Object... arguments) {
    kernels.get(kernel).launch(Grid.of(kernels.gpu().multiprocessors(), THREADS), arguments);
  }
}
