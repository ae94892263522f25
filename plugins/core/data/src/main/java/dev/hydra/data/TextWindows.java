package dev.hydra.data;

import java.util.List;

/**
 * A text as windows in its own order, one after the other. Each predicts the tokens after its
 * first, and the next begins with the last one predicted, so every token but the first of a range
 * is predicted once; the last window of a range is filled up with padding.
 */
final class TextWindows implements Samples {
  private final Corpus corpus;
  private final List<Range> ranges;
  private final int length;
  private final WindowGrid grid;

  /** Lays out the windows of {@code length} tokens to predict over the ranges of a corpus. */
  TextWindows(Corpus corpus, List<Range> ranges, int length) {
    this.corpus = corpus;
    this.length = length;
    this.ranges = ranges.stream().filter(range -> range.size() > 1).toList();
    grid =
        new WindowGrid(this.ranges, 2, length, range -> (range.size() - 1 + length - 1) / length);
  }

  @Override
  public long count() {
    return grid.count();
  }

  /** Returns where a window starts. */
  long start(long number) {
    return grid.start(grid.rangeOf(number), number);
  }

  @Override
  public void read(long number, Batch into, int row) {
    long start = start(number);
    long left = ranges.get(grid.rangeOf(number)).to() - start;
    into.read(corpus, row, start, (int) Math.min(length + 1, left));
  }
}
