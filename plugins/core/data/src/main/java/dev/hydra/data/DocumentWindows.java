package dev.hydra.data;

import java.util.Arrays;
import java.util.List;

/**
 * Windows of whole documents, as many of those that follow each other as have room; the rest is
 * padding. A document that is longer than a window is cut into windows of its own, and what is left
 * of it shares a window with the documents after it. Every token of a document but its first is
 * predicted once, and nothing is predicted from another document.
 */
final class DocumentWindows implements Samples {
  private final Corpus corpus;
  private final long[] documentEnds;
  private final int width;
  private long[] starts = new long[16];
  private int[] sizes = new int[16];
  private int count;

  /**
   * Lays out the windows.
   *
   * @param corpus what they are cut from
   * @param ranges where they may lie; a document that crosses a border is two
   * @param length the number of tokens to predict in a window
   */
  DocumentWindows(Corpus corpus, List<Range> ranges, int length) {
    this.corpus = corpus;
    this.documentEnds = corpus.documentEnds();
    this.width = length + 1;
    ranges.forEach(this::layOut);
  }

  private void layOut(Range range) {
    long open = range.from();
    long end = range.from();
    for (int i = documentAt(range.from()); end < range.to(); i++) {
      long begin = end;
      end = Math.min(documentEnds[i], range.to());
      if (end - open > width) {
        add(open, begin);
        open = begin;
      }
      for (; end - open > width; open += width - 1) {
        add(open, open + width); // the next piece begins with the last token predicted here
      }
    }
    add(open, end);
  }

  /** Adds a window, unless there is nothing to predict in it. */
  private void add(long from, long to) {
    boolean predicts = false;
    int document = documentAt(from);
    for (long at = from; at < to && !predicts; document++) {
      long end = Math.min(documentEnds[document], to);
      predicts = end - at > 1;
      at = end;
    }
    if (!predicts) {
      return;
    }
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, 2 * count);
      sizes = Arrays.copyOf(sizes, 2 * count);
    }
    starts[count] = from;
    sizes[count++] = (int) (to - from);
  }

  /** Returns the index of the document that has a token. */
  private int documentAt(long token) {
    int found = Arrays.binarySearch(documentEnds, token);
    return found < 0 ? -found - 1 : found + 1;
  }

  @Override
  public long count() {
    return count;
  }

  /** Returns the part of all windows that is text, not padding. */
  double filled() {
    return Arrays.stream(sizes, 0, count).asLongStream().sum() / ((double) count * width);
  }

  @Override
  public void read(long number, Batch into, int row) {
    int window = Math.toIntExact(number);
    long start = starts[window];
    into.read(corpus, row, start, sizes[window]);
    long[] numbers = new long[width];
    int first = documentAt(start);
    int document = first;
    for (int i = 0; i < width; i++) {
      if (i == sizes[window] || (i < sizes[window] && start + i == documentEnds[document])) {
        document++;
        into.ignore(row, i);
      }
      numbers[i] = document - first;
    }
    into.documents(row, numbers);
  }
}
