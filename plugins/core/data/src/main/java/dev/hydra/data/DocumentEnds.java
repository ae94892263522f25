package dev.hydra.data;

import java.util.Arrays;
import java.util.function.LongConsumer;

/** Where the documents of a text end: the index after the last token of each, in order. */
final class DocumentEnds {
  private long[] ends = new long[16];
  private int count;

  /** Adds the end of a document, not before those added so far. */
  void add(long end) {
    if (count == ends.length) {
      ends = Arrays.copyOf(ends, 2 * count);
    }
    ends[count++] = end;
  }

  /** Returns how many have been added. */
  int count() {
    return count;
  }

  /** Gives all that have been added to an action. */
  void forEach(LongConsumer action) {
    for (int i = 0; i < count; i++) {
      action.accept(ends[i]);
    }
  }

  /** Returns all ends; what follows the last one is a document, too. */
  long[] of(long size) {
    boolean open = count == 0 ? size > 0 : ends[count - 1] < size;
    long[] all = Arrays.copyOf(ends, open ? count + 1 : count);
    if (open) {
      all[count] = size;
    }
    return all;
  }
}
