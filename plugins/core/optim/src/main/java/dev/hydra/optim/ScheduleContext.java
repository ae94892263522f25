package dev.hydra.optim;

import dev.hydra.api.Settings;

/**
 * The arguments from which a factory creates a schedule. Steps are numbered from 0.
 *
 * @param settings the values of the options of its factory
 * @param minRatio the last learning rate as a part of the highest, in [0, 1], for schedules that
 *     fall
 * @param first the step that has the highest learning rate: the last of the warm-up, or 0
 * @param last the last step of the training, not before the first
 */
public record ScheduleContext(Settings settings, double minRatio, long first, long last) {
  /** Checks the order of the steps. */
  public ScheduleContext {
    if (first < 0 || last < first) {
      throw new IllegalArgumentException("a schedule from step " + first + " to " + last);
    }
  }

  /** Returns how far a step is: from 0 at the first to 1 at the last and from there on. */
  public double progress(long step) {
    return last == first ? 1 : Math.min(1, (step - first) / (double) (last - first));
  }

  /**
   * Returns the factor after a part, from 0 to 1, of the fall from 1 to the last one has been done.
   */
  public double fall(double part) {
    return 1 - (1 - minRatio) * part;
  }
}
