package dev.hydra.data;

/**
 * A stretch of a corpus.
 *
 * @param from the index of its first token
 * @param to the index after its last token
 */
public record Range(long from, long to) {
  /** Checks the order. */
  public Range {
    if (from < 0 || to < from) {
      throw new IllegalArgumentException("there is no range from " + from + " to " + to);
    }
  }

  /** Returns the number of tokens. */
  public long size() {
    return to - from;
  }
}
