package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Adds rows to those of a table in place, several to one in a fixed order. By CUDA kernels, that
 * touches the rows that something goes to, and each sum is rounded once; their twin is {@link
 * Tensors#addRows}, which on CUDA makes a table of what is added.
 */
final class RowSums {
  /** The row that nothing is kept from. */
  static final long NONE = -1;

  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              RowSums.class, "primitives.cu", "dependent_launch.cu", "vectors.cu", "row_sums.cu"));

  private static final int THREADS = 256;
  private static final int WARP = 32;

  /** Entries of the sorted list that are added up first where all go to one row. */
  private static final int PIECE = 64;

  private RowSums() {}

  /**
   * Computes {@code table[rows[i]] += factor * values[i]} for all i. Rows that are not in the table
   * are passed over by the kernels.
   *
   * @param table [rows, width], contiguous
   * @param rows int64 [n], each of 32 bits with its sign: kernels have them sorted as int32, and
   *     further bits are lost. A token beyond has no embedding but NaN ({@link Embedding}).
   * @param values [n, width], of any floating type
   * @param untouched a row that stays as it is, or {@link #NONE}
   */
  static void add(Tensor table, Tensor rows, Tensor values, double factor, long untouched) {
    Tensor whole = values.contiguous();
    int vector = VectorSize.of(Tensors.type(table), table.size(1), List.of(table, whole));
    Optional<Kernels> kernels = kernels(table, whole, vector);
    if (kernels.isPresent()) {
      add(kernels.get(), vector, table, rows, whole, factor, untouched);
    } else {
      addPlain(table, rows, whole, factor, untouched);
    }
  }

  private static Optional<Kernels> kernels(Tensor table, Tensor values, int vector) {
    ScalarType element = Tensors.type(table);
    ScalarType input = Tensors.type(values);
    if (!Rows.wanted(table)
        || !Rows.isKernelType(element)
        || !Rows.isKernelType(input)
        || values.numel() == 0
        || Math.max(table.size(0), values.size(0)) > Integer.MAX_VALUE) {
      return Optional.empty();
    }
    return KERNELS.usable(
        table,
        Map.of(
            "ELEMENT_BF16", Rows.bf16(element), "INPUT_BF16", Rows.bf16(input), "VECTOR", vector));
  }

  private static void add(
      Kernels kernels,
      int vector,
      Tensor table,
      Tensor rows,
      Tensor values,
      double factor,
      long untouched) {
    Tensor sorted;
    Tensor order;
    try (BoolOptional stable = new BoolOptional(true)) {
      T_TensorTensor_T both = rows.to(ScalarType.Int).sort(stable, 0, false);
      sorted = both.get0();
      order = both.get1();
    }
    int count = (int) values.size(0);
    int width = (int) table.size(1);
    @Nullable Tensor pieces = null;
    if (count >= PIECE) {
      pieces = Tensors.empty(table, ScalarType.Float, count / PIECE, width);
      kernels
          .get("row_pieces")
          .launch(grid(pieces.size(0), width, vector), sorted, order, values, pieces, count, width);
    }
    kernels
        .get("row_sums")
        .launch(
            grid(count, width, vector),
            sorted,
            order,
            values,
            pieces,
            table,
            count,
            table.size(0),
            width,
            (float) factor,
            (int) untouched);
  }

  /** A warp has so many vectors of an item. */
  private static Grid grid(long items, long width, int vector) {
    return new Grid(
        Grid.count(items, THREADS / WARP), Grid.count(width, (long) WARP * vector), 1, THREADS);
  }

  private static void addPlain(
      Tensor table, Tensor rows, Tensor values, double factor, long untouched) {
    Tensor added = Tensors.scaled(values, factor);
    if (untouched != NONE) {
      try (Scalar row = new Scalar(untouched)) {
        added = Tensors.maskedFill(added, rows.eq(row).unsqueeze(1), 0);
      }
    }
    Tensors.addRows(table, rows, Tensors.cast(added, Tensors.type(table)));
  }
}
