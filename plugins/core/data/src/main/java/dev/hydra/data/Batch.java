package dev.hydra.data;

import java.util.Arrays;
import java.util.BitSet;
import org.bytedeco.pytorch.Tensor;

/**
 * Windows of tokens, one a row. Inputs are all tokens of a row but the last, labels all but the
 * first. It lies on the heap, so that any thread can make it.
 */
public final class Batch {
  /** The label of what is not to be predicted, as in PyTorch. */
  public static final long IGNORED = -100;

  private final int rows;
  private final int width;
  private final long[] tokens;
  private final BitSet ignored = new BitSet();

  /** Creates a batch of token 0 only, {@code width} of them in a row. */
  Batch(int rows, int width) {
    this.rows = rows;
    this.width = width;
    this.tokens = new long[Math.multiplyExact(rows, width)];
  }

  /** Returns the number of windows. */
  public int rows() {
    return rows;
  }

  /** Returns the number of tokens of a window: one more than are predicted. */
  public int width() {
    return width;
  }

  /** Returns the tokens: int64 [rows, width] on the CPU. */
  public Tensor tokens() {
    return Tensor.create(tokens, rows, width);
  }

  /**
   * Returns the tokens, with {@link #IGNORED} where one is not to be predicted: int64 [rows, width]
   * on the CPU.
   */
  public Tensor labels() {
    long[] labels = tokens.clone();
    ignored.stream().forEach(at -> labels[at] = IGNORED);
    return Tensor.create(labels, rows, width);
  }

  /** Returns the tokens that are to be predicted, those of all rows after each other. */
  public long[] predicted() {
    long[] all = new long[tokens.length];
    int count = 0;
    for (int i = 0; i < tokens.length; i++) {
      if (i % width > 0 && !ignored.get(i)) {
        all[count++] = tokens[i];
      }
    }
    return Arrays.copyOf(all, count);
  }

  /** Reads the first tokens of a row; what follows is padding, which is not predicted. */
  void read(Corpus corpus, int row, long from, int count) {
    corpus.read(from, tokens, row * width, count);
    ignored.set(row * width + count, (row + 1) * width);
  }
}
