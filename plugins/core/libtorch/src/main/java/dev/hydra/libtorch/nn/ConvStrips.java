package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel.Grid;

/**
 * How the convolution's kernels cut time: a warp walks down a strip of so many tokens.
 *
 * @param tokens of a strip, the last of a row may have fewer
 * @param grid the blocks for all strips of all channels
 */
record ConvStrips(int tokens, Grid grid) {
  private static final int SHORTEST = 16;
  private static final int LONGEST = 160;
  private static final int WARP = 32;

  /** What a warp does before its first token, in tokens. */
  private static final int START = 4;

  /**
   * Chooses the strips with which the device is done first: it takes blocks in rounds, and a last
   * round that is nearly empty costs as much as a full one.
   *
   * @param vector channels of a thread
   * @param threads of a block
   * @param atOnce blocks that the device runs at the same time
   * @param halo tokens beyond its own that a strip reads
   */
  static ConvStrips of(
      long batch, long time, long channels, int vector, int threads, int atOnce, int halo) {
    long across = Grid.count(channels, (long) WARP * vector);
    int warps = threads / WARP;
    int best = 0;
    long least = Long.MAX_VALUE;
    for (int strip = (int) Math.min(time, SHORTEST); strip <= Math.min(time, LONGEST); strip++) {
      long rounds = Grid.count(across * Grid.count(batch * Grid.count(time, strip), warps), atOnce);
      long cost = rounds * (strip + halo + START);
      if (cost < least) {
        least = cost;
        best = strip;
      }
    }
    return new ConvStrips(
        best, new Grid(across, Grid.count(batch * Grid.count(time, best), warps), 1, threads));
  }

  /** Says whether CUDA can count the blocks, whatever strips are chosen. */
  static boolean possible(long batch, long time, int threads) {
    return Grid.count(batch * Grid.count(time, SHORTEST), threads / WARP) <= Grid.MOST_ROWS;
  }
}
