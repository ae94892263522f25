package dev.hydra.optim;

/** The course of the learning rate after the warm-up. The same step always gives the same. */
@FunctionalInterface
public interface Schedule {
  /**
   * Returns the learning rate as a part of the highest, from 0 to 1.
   *
   * @param step the number of steps done before, at least {@link ScheduleContext#first}; it may be
   *     beyond the last
   */
  double factor(long step);
}
