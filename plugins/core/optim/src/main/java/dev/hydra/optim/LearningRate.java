package dev.hydra.optim;

/**
 * The learning rate of every step: a linear warm-up to the peak, then a schedule.
 *
 * @param peak the highest learning rate
 * @param warmupSteps how many steps the warm-up takes; the last of them has the peak
 * @param name the type of the schedule, for messages
 * @param schedule how it goes on
 */
public record LearningRate(double peak, long warmupSteps, String name, Schedule schedule) {
  /**
   * Returns the learning rate of a step.
   *
   * @param step the number of steps done before, from 0
   * @throws IllegalStateException if the schedule gives something that cannot be one
   */
  public double at(long step) {
    if (step < warmupSteps) {
      return peak * (step + 1) / warmupSteps;
    }
    double factor = schedule.factor(step);
    if (!(factor >= 0 && Double.isFinite(factor))) {
      throw new IllegalStateException(
          "schedule " + name + " gives the factor " + factor + " for step " + step);
    }
    return peak * factor;
  }
}
