package dev.hydra.data;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * The held-out text as windows in a fixed order, one after the other. Each predicts the tokens
 * after its first, and the next begins with the last one predicted, so every token is scored at
 * most once.
 */
public final class ValidationWindows {
  private final Corpus corpus;
  private final int length;
  private final WindowGrid grid;

  /**
   * Lays out the windows.
   *
   * @param corpus what they are cut from
   * @param ranges what is held out, usually {@link Split#validation()}; none gives no windows
   * @param length the number of tokens to predict in a window
   * @throws CorpusException if text is held out, but no piece has room for a window
   */
  public ValidationWindows(Corpus corpus, List<Range> ranges, int length) {
    this.corpus = corpus;
    this.length = length;
    grid = new WindowGrid(ranges, length, range -> (range.size() - 1) / length);
    if (grid.count() == 0 && !ranges.isEmpty()) {
      throw new CorpusException(
          "no piece of the text held out has the "
              + (length + 1L)
              + " tokens of a window (the longest has "
              + ranges.stream().mapToLong(Range::size).max().orElse(0)
              + "); hold out more, or use more text or a shorter sequence");
    }
  }

  /** Returns the number of windows. */
  public int count() {
    return Math.toIntExact(grid.count());
  }

  /**
   * Returns some windows: int64 [size, length + 1] on the CPU, laid out as {@link
   * WindowSampler#next} does; fewer rows at the end.
   *
   * @param first the number of the first window, from 0
   * @param size how many windows
   */
  public Tensor batch(int first, int size) {
    long[] starts = new long[Math.min(size, count() - first)];
    for (int i = 0; i < starts.length; i++) {
      starts[i] = start(first + i);
    }
    return corpus.windows(starts, length + 1);
  }

  /** Returns how many bytes the tokens that all windows predict stand for. */
  public long bytes(Tokenizer tokenizer) {
    int[] lengths = new int[tokenizer.vocabSize()];
    for (int token = 0; token < lengths.length; token++) {
      lengths[token] = tokenizer.bytes(token).length;
    }
    long bytes = 0;
    long[] predicted = new long[length];
    for (int window = 0; window < count(); window++) {
      corpus.read(start(window) + 1, predicted);
      for (long token : predicted) {
        bytes += lengths[(int) token];
      }
    }
    return bytes;
  }

  /** Returns where a window starts. */
  long start(int window) {
    return grid.start(grid.rangeOf(window), window);
  }
}
