package dev.hydra.data;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

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
  private long @Nullable [] documents;
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
   * Returns the number of the document that each token belongs to, int64 [rows, width], never
   * falling along a row; empty if every row is one document.
   */
  public Optional<Tensor> documents() {
    return Optional.ofNullable(documents).map(numbers -> Tensor.create(numbers, rows, width));
  }

  /**
   * Returns the tokens, with {@link #IGNORED} where one is not to be predicted: int64 [rows,
   * width]; empty if all are.
   */
  public Optional<Tensor> labels() {
    return ignored.isEmpty()
        ? Optional.empty()
        : Optional.of(Tensor.create(wanted(), rows, width));
  }

  private long[] wanted() {
    long[] labels = tokens.clone();
    ignored.stream().forEach(at -> labels[at] = IGNORED);
    return labels;
  }

  /**
   * Returns all of it in one tensor: the tokens, int64 [rows, width], or, if there are several
   * documents in a row, tokens, documents and labels, int64 [3, rows, width].
   */
  public Tensor tensor() {
    if (documents == null) {
      return tokens();
    }
    long[] all = Arrays.copyOf(tokens, 3 * tokens.length);
    System.arraycopy(documents, 0, all, tokens.length, tokens.length);
    System.arraycopy(wanted(), 0, all, 2 * tokens.length, tokens.length);
    return Tensor.create(all, 3, rows, width);
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
    for (int i = count; i < width; i++) {
      ignore(row, i);
    }
  }

  /** Says that a token of a row is not to be predicted. */
  void ignore(int row, int at) {
    ignored.set(row * width + at);
  }

  /** Says to which documents the tokens of a row belong. */
  void documents(int row, long[] numbers) {
    if (documents == null) {
      documents = new long[tokens.length];
    }
    System.arraycopy(numbers, 0, documents, row * width, width);
  }
}
