package dev.hydra.data;

import java.util.ArrayList;
import java.util.List;

/**
 * Divides a corpus into text to train on and text held out for validation.
 *
 * <p>The corpus is cut into equal strides, and the end of each stride is held out. So validation
 * covers the whole corpus however its subjects are ordered (a single piece at the end would be one
 * book, or one language, of many), while every piece stays long enough for long windows. The split
 * depends on the size of the corpus and the fraction only, never on the window: a run that changes
 * its sequence length keeps training and validation apart.
 *
 * @param train the ranges to train on, in order
 * @param validation the ranges held out, in order
 */
public record Split(List<Range> train, List<Range> validation) {
  /** Held-out pieces are at least this long, if there is more than one. */
  private static final int MIN_PIECE = 32_768;

  private static final int MAX_PIECES = 64;

  /** Copies the lists. */
  public Split {
    train = List.copyOf(train);
    validation = List.copyOf(validation);
  }

  /**
   * Splits a corpus.
   *
   * @param size the number of tokens
   * @param validationFraction the part to hold out, in [0, 1)
   */
  public static Split of(long size, double validationFraction) {
    if (!(validationFraction >= 0 && validationFraction < 1)) {
      throw new IllegalArgumentException(
          "the fraction held out must be at least 0 and below 1, but is " + validationFraction);
    }
    double heldOut = size * validationFraction;
    int pieces = (int) Math.max(1, Math.min(MAX_PIECES, heldOut / MIN_PIECE));
    List<Range> train = new ArrayList<>();
    List<Range> validation = new ArrayList<>();
    for (int i = 0; i < pieces; i++) {
      long from = size * i / pieces;
      long to = size * (i + 1) / pieces;
      long border = to - (long) Math.ceil(heldOut / pieces);
      add(train, from, border);
      add(validation, border, to);
    }
    return new Split(train, validation);
  }

  private static void add(List<Range> ranges, long from, long to) {
    if (from < to) {
      ranges.add(new Range(from, to));
    }
  }
}
