package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSource;
import java.util.Map;

/**
 * How the norms' kernels cut their work: a unit is what is normalised together, one group of
 * channels of one row.
 *
 * @param vector channels that a thread accesses at once
 * @param lanes threads of a unit: a power of two up to 32, or a multiple of 32 up to 1024
 * @param items vectors of a thread
 * @param units units of a block
 * @param resident blocks that a multiprocessor is to hold, which caps a thread's registers
 */
record NormUnits(int vector, int lanes, int items, int units, int resident) {
  private static final int WARP = 32;
  private static final int MOST_LANES = 1024;
  private static final int THREADS = 256;

  /**
   * Cuts.
   *
   * @param width channels of a group
   * @param floats what a thread is to hold
   * @param threads threads that a multiprocessor is to hold
   */
  static NormUnits of(long width, int vector, int floats, int threads) {
    int vectors = (int) Grid.count(width, vector);
    int wanted = (int) Grid.count(vectors, Math.max(1, floats / vector));
    int lanes =
        wanted >= WARP
            ? (int) Math.min(MOST_LANES, Grid.count(wanted, WARP) * WARP)
            : Math.max(1, 2 * Integer.highestOneBit(wanted - 1));
    int units = Math.max(1, THREADS / lanes);
    while (lanes * units % WARP != 0) {
      units++;
    }
    int resident = Math.max(1, threads / (lanes * units));
    return new NormUnits(vector, lanes, (int) Grid.count(vectors, lanes), units, resident);
  }

  /** Reads a norm's program, after what those of all norms share. */
  static KernelSource program(String file) {
    return KernelSource.of(
        NormUnits.class,
        "primitives.cu",
        "dependent_launch.cu",
        "vectors.cu",
        "activations.cu",
        "reductions.cu",
        "norm_rows.cu",
        file);
  }

  /** Threads of a block. */
  int threads() {
    return lanes * units;
  }

  /** What the kernels are compiled with, besides types. */
  Map<String, Integer> macros() {
    return Map.of(
        "VECTOR", vector,
        "LANES", lanes,
        "ITEMS", items,
        "THREADS", threads(),
        "RESIDENT", resident);
  }

  /**
   * Lays out a grid: blocks along rows, groups across. There are at most as many as run at once, so
   * that each has its next row on its way, evened out so that all have as many rows.
   */
  Grid grid(Kernel kernel, long rows, long groups) {
    return grid(kernel.blocksAtOnce(threads()), rows, groups);
  }

  /** The same for a device that runs so many blocks at once. */
  Grid grid(long atOnce, long rows, long groups) {
    long all = Grid.count(rows, units);
    long most = Math.min(all, Math.max(1, atOnce / groups));
    return new Grid(Grid.count(all, Grid.count(all, most)), groups, 1, threads());
  }
}
