package dev.hydra.data;

/**
 * A text to score a model on, as windows in a fixed order. Every token that can be predicted is
 * predicted in one of them.
 */
public final class ValidationWindows {
  private final Samples windows;
  private final int width;

  ValidationWindows(Samples windows, int length) {
    this.windows = windows;
    this.width = length + 1;
  }

  /** Returns the number of windows. */
  public int count() {
    return Math.toIntExact(windows.count());
  }

  /**
   * Returns some windows; fewer at the end.
   *
   * @param first the number of the first window, from 0
   * @param size how many windows
   */
  public Batch batch(int first, int size) {
    Batch batch = new Batch(Math.min(size, count() - first), width);
    for (int row = 0; row < batch.rows(); row++) {
      windows.read(first + row, batch, row);
    }
    return batch;
  }
}
