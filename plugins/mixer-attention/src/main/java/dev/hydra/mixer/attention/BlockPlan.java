package dev.hydra.mixer.attention;

/**
 * How {@code time} new tokens after {@code before} earlier ones are cut into blocks of queries that
 * share their columns of keys: {@code reach + block} local ones, then {@code globals}. All sizes
 * are known on the host, so shapes are static.
 *
 * @param block queries in a block, at most the window
 * @param blocks the number of blocks; the last one may be padded
 * @param reach local columns before the block's first query
 * @param globals global columns: position 0, and strided ones enough for every query of the block
 */
record BlockPlan(
    SparsePattern pattern,
    long before,
    long time,
    long block,
    long blocks,
    long reach,
    long globals) {
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
        Math.min(pattern.window() - 1L, before + time - 1),
        newest < 0 ? 0 : 1 + Math.min(newest, pattern.globals() + moves));
  }

  /** Keys that a block of queries is multiplied with. */
  long columns() {
    return reach + block + globals;
  }

  /** Query-key pairs that are computed. */
  double pairs() {
    return (double) blocks * block * columns();
  }

  /** Queries that fill up the last block. */
  long padding() {
    return blocks * block - time;
  }
}
