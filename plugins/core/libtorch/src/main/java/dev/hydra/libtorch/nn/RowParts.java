package dev.hydra.libtorch.nn;

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
 * Cuts groups of rows into parts, so that sums over the rows of few groups have work for a whole
 * device: each part is summed on its own, and then the parts.
 *
 * @param kernels its kernel
 */
record RowParts(Kernels kernels) {
  private static final KernelSet KERNELS =
      KernelSet.of(KernelSource.of(RowParts.class, "row_parts.cu"));

  private static final int THREADS = 128;

  /** The rows and columns of LibTorch's grouped product that a multiprocessor computes at once. */
  private static final long TILE_ROWS = 128;

  private static final long TILE_COLUMNS = 256;

  private static final int MOST = 8;

  /** Groups that LibTorch's grouped product takes, and fewer rows than these are not worth it. */
  private static final long MOST_GROUPS = 1023;

  private static final long FEWEST_ROWS = 256;

  /** What writing and adding up a part costs, as a share of the product by one round of tiles. */
  private static final double COST = 0.02;

  /** The share of the time that parts must leave to be worth the numbers that they round. */
  private static final double WORTH = 0.9;

  /**
   * Chooses: gives the kernel if the rows are on a CUDA device and kernels are to be used there.
   */
  static Optional<RowParts> of(Tensor rows) {
    return Rows.wanted(rows) ? KERNELS.usable(rows, Map.of()).map(RowParts::new) : Optional.empty();
  }

  /**
   * Says into how many parts to cut each group for LibTorch's products [out, rows] x [rows, in].
   *
   * @param rows of all groups together
   * @param multiprocessors of the device
   */
  static int count(long groups, long rows, long out, long in, int multiprocessors) {
    return count(
        groups, rows, Grid.count(out, TILE_ROWS) * Grid.count(in, TILE_COLUMNS), multiprocessors);
  }

  /**
   * Says the same for products in tiles.
   *
   * @param rows of all groups together
   * @param tilesOfGroup the tiles of what comes of one group
   * @param atOnce how many tiles the device computes at a time
   */
  static int count(long groups, long rows, long tilesOfGroup, int atOnce) {
    long tiles = groups * tilesOfGroup;
    int best = 1;
    double least = WORTH * Grid.count(tiles, atOnce);
    for (int parts = 2; parts <= MOST && groups * parts <= MOST_GROUPS; parts++) {
      double time = (double) Grid.count(tiles * parts, atOnce) / parts + COST * parts;
      if (rows / (groups * parts) >= FEWEST_ROWS && time < least) {
        least = time;
        best = parts;
      }
    }
    return best;
  }

  /** Returns int32 [groups * parts]: where each part ends. */
  Tensor ends(Tensor ends, int parts) {
    long groups = ends.size(0);
    Tensor cut = Tensors.empty(ends, ScalarType.Int, groups * parts);
    kernels
        .get("row_parts")
        .launch(
            Grid.of(Grid.count(groups * parts, THREADS), THREADS),
            ends.contiguous(),
            cut,
            (int) groups,
            parts);
    return cut;
  }
}
