package dev.hydra.data;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Training windows in an order that looks random and is fixed by a seed.
 *
 * <p>An epoch is a permutation of windows that do not overlap; where they begin is drawn anew for
 * each epoch, so that other tokens stand at the borders and no token is left out for good. Which
 * window a sample is depends on the seed and the sample's number only: to resume, {@link #seek} the
 * number of samples taken before.
 */
public final class WindowSampler {
  private final Corpus corpus;
  private final int length;
  private final long seed;
  private final WindowGrid grid;
  private long position;

  /**
   * Creates a sampler at its first sample.
   *
   * @param corpus what the windows are cut from
   * @param ranges where they may lie, usually {@link Split#train()}; no window crosses a border
   * @param length the number of tokens to predict in a window
   * @param seed selects the order
   * @throws CorpusException if no range has room for a window
   */
  public WindowSampler(Corpus corpus, List<Range> ranges, int length, long seed) {
    this.corpus = corpus;
    this.length = length;
    this.seed = seed;
    // One window less than could fit, so that there is room to move; but a range's only one stays.
    grid = new WindowGrid(ranges, length, range -> Math.max(1, range.size() / length - 1));
    if (grid.count() == 0) {
      throw new CorpusException(
          "no piece of the text to train on has the "
              + (length + 1L)
              + " tokens of a window (the longest has "
              + ranges.stream().mapToLong(Range::size).max().orElse(0)
              + "); use more text or a shorter sequence");
    }
  }

  /**
   * Returns the next samples: int64 [batchSize, length + 1] on the CPU. Inputs are all tokens of a
   * row but the last, targets all but the first. A batch may reach into the next epoch.
   */
  public Tensor next(int batchSize) {
    long[] starts = new long[batchSize];
    for (int i = 0; i < batchSize; i++) {
      starts[i] = start(position + i);
    }
    position += batchSize;
    return corpus.windows(starts, length + 1);
  }

  /** Returns the number of samples taken. */
  public long position() {
    return position;
  }

  /** Continues as if so many samples had been taken. */
  public void seek(long samples) {
    if (samples < 0) {
      throw new IllegalArgumentException("cannot have taken " + samples + " samples");
    }
    position = samples;
  }

  /** Returns the number of samples in an epoch, the same for every epoch. */
  public long samplesPerEpoch() {
    return grid.count();
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
