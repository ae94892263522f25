package dev.hydra.data;

import java.util.Arrays;
import java.util.BitSet;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Windows of tokens, one a row. Inputs are all tokens of a row but the last, labels all but the
 * first. It lies on the heap, so that any thread can make it.
 */
public final class Batch {
  /** The label of what is not to be predicted, as in PyTorch. */
  public static final long IGNORED = -100;

  /** Tokens, labels and documents. */
  private static final int PLANES = 3;

  /** What all Java machines make. */
  private static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;

  private final int rows;
  private final int width;
  private final long[] tokens;
  private final BitSet ignored = new BitSet();
  private long @Nullable [] documents;
  private boolean marks;

  /** Returns how many windows of so many predicted tokens a batch can have, see {@link #tensor}. */
  public static long mostRows(int length) {
    return LARGEST_ARRAY / PLANES / (length + 1L);
  }

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
    return Tensor.create(wanted(), rows, width);
  }

  private long[] wanted() {
    long[] labels = tokens.clone();
    ignored.stream().forEach(at -> labels[at] = IGNORED);
    return labels;
  }

  /**
   * Returns all of it in one tensor, whose shape is that of every batch of its kind: the tokens,
   * int64 [rows, width]; with the {@link #labels}, where some tokens are not to be predicted, int64
   * [2, rows, width]; and with the documents, where they are packed, int64 [3, rows, width].
   */
  public Tensor tensor() {
    if (ignored.isEmpty() && documents == null && !marks) {
      return tokens();
    }
    int planes = documents == null ? PLANES - 1 : PLANES;
    long[] all = Arrays.copyOf(tokens, planes * tokens.length);
    System.arraycopy(wanted(), 0, all, tokens.length, tokens.length);
    if (documents != null) {
      System.arraycopy(documents, 0, all, 2 * tokens.length, tokens.length);
    }
    return Tensor.create(all, planes, rows, width);
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
    readMarked(corpus, row * width, from, count);
    ignored.set(row * width + count, (row + 1) * width);
  }

  /**
   * Reads a document into a row of several. Its first token is not predicted: what stands before it
   * belongs to another one.
   *
   * @param at where in the row it begins
   * @param number which document of the row it is, from 0
   */
  void readDocument(Corpus corpus, int row, int at, long from, int count, int number) {
    int begin = row * width + at;
    readMarked(corpus, begin, from, count);
    ignored.set(begin);
    Arrays.fill(documents(), begin, begin + count, number);
  }

  /** Reads tokens, of which some are not to be predicted if the corpus has marks. */
  private void readMarked(Corpus corpus, int begin, long from, int count) {
    corpus.read(from, tokens, begin, count);
    if (corpus.hasMarks()) {
      marks = true;
      for (int i = 0; i < count; i++) {
        ignored.set(begin + i, !corpus.isMarked(from + i));
      }
    }
  }

  /** Says that what follows in a row of documents is padding, which is not predicted. */
  void pad(int row, int at, int number) {
    int begin = row * width + at;
    int end = (row + 1) * width;
    ignored.set(begin, end);
    Arrays.fill(documents(), begin, end, number);
  }

  private long[] documents() {
    if (documents == null) {
      documents = new long[tokens.length];
    }
    return documents;
  }
}
