package dev.hydra.mixer.attention;

/**
 * How {@code time} new tokens after {@code before} earlier ones are cut into blocks of queries that
 * share {@code globals} keys. All sizes are known on the host, so shapes are static.
 *
 * @param block queries in a block, at most the window
 * @param blocks the number of blocks; the last one may be padded
 * @param globals position 0, and strided ones enough for every query of the block; 0 if the pattern
 *     grants none yet
 */
record BlockPlan(
    SparsePattern pattern, long before, long time, long block, long blocks, long globals) {
  /** Larger blocks compute more pairs that the mask drops, smaller ones copy keys more often. */
  private static final long BLOCK = 128;

  static BlockPlan of(SparsePattern pattern, long before, long time) {
    long block = Math.min(Math.min(pattern.window(), BLOCK), time);
    long newest = pattern.newest(before + time - 1);
    // Over a block the newest strided position moves on, by this much at most.
    long moves = (block + pattern.every() - 2) / pattern.every();
    return new BlockPlan(
        pattern,
        before,
        time,
        block,
        (time + block - 1) / block,
        newest < 0 ? 0 : 1 + Math.min(newest, pattern.globals() + moves));
  }

  /** Queries that fill up the last block. */
  long padding() {
    return blocks * block - time;
  }
}
