package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * The products of groups of rows by CUDA kernels with sums in float32: of float32, and of bfloat16
 * where LibTorch's grouped product does not take the matrices. The host does not wait for where
 * groups end. Rows behind the last group become zeros. Its twin is {@link GroupedLinear#looped}.
 *
 * @param kernels its kernels
 */
record FusedGrouped(Kernels kernels) implements GroupedProduct.Products {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(FusedGrouped.class, "primitives.cu", "vectors.cu", "grouped_product.cu"));

  private static final int THREADS = 128;

  /** Rows and columns of a block. */
  private static final long TILE = 64;

  /** The most rows, and elements of one side of a matrix; kernels count them in an int. */
  private static final long MOST_ROWS = 1L << 30;

  private static final long LONGEST_SIDE = Grid.MOST_ROWS * TILE;

  /**
   * Chooses: gives the kernels if rows and weights are of the same type, float32 or bfloat16, on a
   * CUDA device, and they are to be used there.
   */
  static Optional<FusedGrouped> of(Tensor rows, Tensor weights) {
    if (!Rows.wanted(rows)
        || !Rows.isKernelType(Tensors.type(rows))
        || Tensors.type(rows) != Tensors.type(weights)
        || rows.numel() == 0
        || weights.numel() == 0
        || rows.size(0) > MOST_ROWS
        || Math.max(weights.size(1), weights.size(2)) > LONGEST_SIDE) {
      return Optional.empty();
    }
    return KERNELS
        .usable(rows, Map.of("ELEMENT_BF16", Rows.bf16(Tensors.type(rows))))
        .map(FusedGrouped::new);
  }

  /** Computes {@code rows W_g^T}, with gradients; see {@link GroupedLinear#apply}. */
  Tensor product(Tensor rows, Tensor weights, Tensor ends) {
    long groups = weights.size(0);
    int blocks = kernels.get("grouped_linear_weights").blocksAtOnce(THREADS);
    int parts = RowParts.count(groups, rows.size(0), tiles(weights), blocks);
    UnaryOperator<Tensor> cut =
        parts == 1 ? UnaryOperator.identity() : cut(RowParts.of(rows).orElseThrow(), parts);
    return new GroupedProduct(this, parts, cut).apply(rows, weights, ends)[0];
  }

  /** Holds no tensor of the forward, which may be closed when the backward runs. */
  private static UnaryOperator<Tensor> cut(RowParts cutter, int parts) {
    return ends -> cutter.ends(ends, parts);
  }

  @Override
  public Tensor forward(Tensor rows, Tensor weights, Tensor ends) {
    return map("grouped_linear", rows, weights, ends, weights.size(1));
  }

  @Override
  public Tensor ofRows(Tensor arrived, Tensor weights, Tensor ends) {
    return map("grouped_linear_rows", arrived, weights, ends, weights.size(2));
  }

  /** Computes [rows, width]; a group has a tile more than its rows need, at most. */
  private Tensor map(String name, Tensor rows, Tensor weights, Tensor ends, long width) {
    long groups = weights.size(0);
    Tensor mapped = Tensors.empty(rows, Tensors.type(rows), rows.size(0), width);
    Grid grid = new Grid(rows.size(0) / TILE + groups + 1, Grid.count(width, TILE), 1, THREADS);
    kernels
        .get(name)
        .launch(
            grid,
            rows,
            weights,
            ends.contiguous(),
            mapped,
            (int) groups,
            (int) rows.size(0),
            (int) weights.size(2),
            (int) weights.size(1));
    return mapped;
  }

  @Override
  public Tensor ofWeights(Tensor arrived, Tensor rows, Tensor ends) {
    long out = arrived.size(1);
    long in = rows.size(1);
    Tensor gradient = Tensors.empty(rows, Tensors.type(rows), ends.size(0), out, in);
    Kernel kernel = kernels.get("grouped_linear_weights");
    kernel.launch(
        Grid.of(ends.size(0) * tiles(gradient), THREADS),
        arrived,
        rows,
        ends.contiguous(),
        gradient,
        (int) in,
        (int) out);
    return gradient;
  }

  /** The tiles of one of matrices [groups, out, in]. */
  private static long tiles(Tensor matrices) {
    return Grid.count(matrices.size(1), TILE) * Grid.count(matrices.size(2), TILE);
  }
}
