package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
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

  /** Rows that are on their way in shared memory, and that of a multiprocessor and of a block. */
  private static final int MOST_STAGES = 4;

  private static final long SHARED_BYTES = 200 << 10;
  private static final long BLOCK_BYTES = 96 << 10;

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
   * Returns how many rows a block has on their way in shared memory, the RING of row_ring.cu; none
   * where there is no room for two.
   *
   * @param bytes what is fetched of a channel
   */
  int stages(int bytes) {
    long row = (long) items * threads() * vector * bytes;
    long stages = Math.min(MOST_STAGES, Math.min(BLOCK_BYTES, SHARED_BYTES / resident) / row);
    return stages < 2 ? 0 : (int) stages;
  }

  /**
   * Lays out a grid: blocks along rows, groups across.
   *
   * @param times as many times the blocks that run at once, evened out so that all have as many
   *     rows
   */
  Grid grid(Kernel kernel, long rows, long groups, int times) {
    return grid(kernel.blocksAtOnce(threads()), rows, groups, times);
  }

  /** The same for a device that runs so many blocks at once. */
  Grid grid(long atOnce, long rows, long groups, int times) {
    long all = Grid.count(rows, units);
    long most = Math.min(all, Math.max(1, times * atOnce / groups));
    return new Grid(Grid.count(all, Grid.count(all, most)), groups, 1, threads());
  }
}
