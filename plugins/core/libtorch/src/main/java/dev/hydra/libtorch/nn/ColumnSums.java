package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Adds up what the blocks of a kernel left of a weight's gradient, in a fixed order. */
public final class ColumnSums {
  /**
   * The program; its macros WEIGHT_BF16 and PARTIAL_BF16 say the types of the sums and of what is
   * added up, 0 (float32) unless set.
   */
  public static final KernelSource SOURCE =
      KernelSource.of(
          ColumnSums.class, "primitives.cu", "dependent_launch.cu", "vectors.cu", "column_sums.cu");

  private static final int THREADS = 256;

  /** Columns of a block: so many, but fewer where there would be few blocks. */
  private static final int MOST_COLUMNS = 32;

  private static final int FEW_COLUMNS = 8;
  private static final int MANY_BLOCKS = 64;

  private ColumnSums() {}

  /**
   * Adds up rows.
   *
   * @param kernels those of a set that has {@link #SOURCE}
   * @param partials [rows, columns], contiguous, in the type that PARTIAL_BF16 says
   * @param type of the result, which WEIGHT_BF16 says too
   * @return [columns]
   */
  public static Tensor of(Kernels kernels, Tensor partials, ScalarType type) {
    long columns = partials.size(1);
    int across = across(columns);
    Tensor sums = torch.empty(new long[] {columns}, Tensors.like(partials, type), null);
    kernels
        .get("column_sums")
        .launch(
            Grid.of((columns + across - 1) / across, THREADS),
            partials,
            (int) partials.size(0),
            columns,
            across,
            sums);
    return sums;
  }

  private static int across(long columns) {
    int across = MOST_COLUMNS;
    while (across > columns || (across > FEW_COLUMNS && columns < (long) MANY_BLOCKS * across)) {
      across /= 2;
    }
    return across;
  }
}
