package dev.hydra.data;

import java.util.List;
import java.util.function.ToLongFunction;

/**
 * Numbers the windows of several ranges through. Windows follow each other at the distance of the
 * window's length; each is read with one token more, the target of its last position.
 */
final class WindowGrid {
  private final List<Range> ranges;
  private final int length;
  private final long[] ends;

  /**
   * Lays out the windows.
   *
   * @param ranges where the windows lie
   * @param shortest the size of the shortest range that gets windows
   * @param length the window's length
   * @param windows how many windows such a range gets
   */
  WindowGrid(List<Range> ranges, long shortest, int length, ToLongFunction<Range> windows) {
    if (length < 1) {
      throw new IllegalArgumentException("a window needs a token, but its length is " + length);
    }
    this.ranges = ranges.stream().filter(range -> range.size() >= shortest).toList();
    this.length = length;
    ends = new long[this.ranges.size()];
    long end = 0;
    for (int i = 0; i < ends.length; i++) {
      end += windows.applyAsLong(this.ranges.get(i));
      ends[i] = end;
    }
  }

  /** Returns the number of windows. */
  long count() {
    return ends.length == 0 ? 0 : ends[ends.length - 1];
  }

  /** Returns the index of the range that a window lies in. */
  int rangeOf(long window) {
    int low = 0;
    int high = ends.length - 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (window < ends[middle]) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /**
   * Returns where a window of the range starts if the range's first window starts at its first
   * token.
   */
  long start(int range, long window) {
    return ranges.get(range).from() + (window - begin(range)) * length;
  }

  /** Returns how many tokens the range has beyond its windows: by so much they can all move. */
  long slack(int range) {
    long used = (ends[range] - begin(range)) * length + 1;
    return ranges.get(range).size() - used;
  }

  private long begin(int range) {
    return range == 0 ? 0 : ends[range - 1];
  }
}
