package dev.hydra.data;

import java.util.Arrays;
import java.util.List;

/**
 * Documents, those that are longer than a window cut to pieces: each begins with the last token
 * that is predicted in the one before, so that every token of a document but its first is predicted
 * once.
 */
final class DocumentPieces {
  private final int width;
  private long[] starts = new long[16];
  private int[] sizes = new int[16];
  private int count;

  /**
   * Cuts documents.
   *
   * @param documentEnds see {@link TokenSequence#documentEnds}
   * @param ranges where pieces may lie; a document that crosses a border is two
   * @param width the number of tokens of a window
   */
  DocumentPieces(long[] documentEnds, List<Range> ranges, int width) {
    this.width = width;
    for (Range range : ranges) {
      int found = Arrays.binarySearch(documentEnds, range.from() + 1);
      int document = found < 0 ? -found - 1 : found;
      long begin = range.from();
      while (begin < range.to()) {
        long end = Math.min(documentEnds[document++], range.to());
        cut(begin, end);
        begin = end;
      }
    }
  }

  private void cut(long begin, long end) {
    long from = begin;
    for (; end - from > width; from += width - 1) {
      add(from, width);
    }
    if (end - from > 1) { // else there is nothing to predict
      add(from, (int) (end - from));
    }
  }

  private void add(long start, int size) {
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, 2 * count);
      sizes = Arrays.copyOf(sizes, 2 * count);
    }
    starts[count] = start;
    sizes[count++] = size;
  }

  int count() {
    return count;
  }

  /** Returns the index of a piece's first token. */
  long start(int piece) {
    return starts[piece];
  }

  /** Returns the number of a piece's tokens: at least 2, at most a window's. */
  int size(int piece) {
    return sizes[piece];
  }

  /** Returns the numbers of all pieces, the largest first, those of one size in their order. */
  int[] largestFirst() {
    int[] before = new int[width + 2]; // how many pieces are larger than a size
    for (int i = 0; i < count; i++) {
      before[sizes[i] - 1]++;
    }
    for (int size = width - 1; size >= 0; size--) {
      before[size] += before[size + 1];
    }
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      order[before[sizes[i]]++] = i;
    }
    return order;
  }
}
