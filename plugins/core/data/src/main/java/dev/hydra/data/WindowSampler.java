package dev.hydra.data;

import java.util.List;

/**
 * Training windows in an order that looks random and is fixed by a seed.
 *
 * <p>An epoch is a permutation of windows that do not overlap; where they begin is drawn anew for
 * each epoch, so that other tokens stand at the borders and no token is left out for good.
 */
final class WindowSampler implements Samples {
  private final Corpus corpus;
  private final int length;
  private final long seed;
  private final WindowGrid grid;

  /**
   * Lays out the windows.
   *
   * @param corpus what the windows are cut from
   * @param ranges where they may lie, usually {@link Split#train()}; no window crosses a border
   * @param length the number of tokens to predict in a window
   * @param seed selects the order
   * @throws CorpusException if no range has room for a window
   */
  WindowSampler(Corpus corpus, List<Range> ranges, int length, long seed) {
    this.corpus = corpus;
    this.length = length;
    this.seed = seed;
    // One window less than could fit, so that there is room to move; but a range's only one stays.
    grid =
        new WindowGrid(
            ranges, length + 1L, length, range -> Math.max(1, range.size() / length - 1));
    if (grid.count() == 0) {
      throw new CorpusException(
          "no piece of the text to train on has the "
              + (length + 1L)
              + " tokens of a window (the longest has "
              + ranges.stream().mapToLong(Range::size).max().orElse(0)
              + "); use more text or a shorter sequence");
    }
  }

  @Override
  public long count() {
    return grid.count();
  }

  @Override
  public void read(long number, Batch into, int row) {
    into.read(corpus, row, start(number), length + 1);
  }

  /** Returns where a sample's window starts. */
  long start(long sample) {
    long key = Permutation.mix(seed + Permutation.mix(sample / grid.count()));
    long window = new Permutation(grid.count(), key).at(sample % grid.count());
    int range = grid.rangeOf(window);
    long offset = Long.remainderUnsigned(Permutation.mix(key + range + 1), grid.slack(range) + 1);
    return grid.start(range, window) + offset;
  }
}
