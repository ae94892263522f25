package dev.hydra.optim;

/**
 * The learning rate of every step: a linear warm-up to the peak, then a decay that ends at the last
 * step.
 *
 * @param decay the form of the decay
 * @param peak the highest learning rate
 * @param minRatio the last learning rate as a part of the peak, in [0, 1]; {@link Decay#CONSTANT}
 *     does not use it
 * @param warmupSteps how many steps the warm-up takes; the last of them has the peak
 * @param totalSteps how many steps the training takes, at least the warm-up's
 */
public record Schedule(
    Decay decay, double peak, double minRatio, long warmupSteps, long totalSteps) {

  /** How the learning rate falls after the warm-up. */
  public enum Decay {
    /** Half a period of a cosine (Loshchilov and Hutter, arXiv 1608.03983, equation 5). */
    COSINE,
    /** Along a straight line. */
    LINEAR,
    /** Not at all. */
    CONSTANT
  }

  /** Checks that the warm-up fits. */
  public Schedule {
    if (warmupSteps < 0 || totalSteps < 1 || warmupSteps > totalSteps) {
      throw new IllegalArgumentException(
          "a warm-up of " + warmupSteps + " steps does not fit into " + totalSteps + " steps");
    }
  }

  /**
   * The learning rate.
   *
   * @param step the number of steps done before, from 0; after the last step the rate stays
   */
  public double at(long step) {
    if (step < warmupSteps) {
      return peak * (step + 1) / warmupSteps;
    }
    return switch (decay) {
      case COSINE -> fall((1 - Math.cos(Math.PI * progress(step))) / 2);
      case LINEAR -> fall(progress(step));
      case CONSTANT -> peak;
    };
  }

  private double fall(double part) {
    return peak * (1 - (1 - minRatio) * part);
  }

  /** From 0 at the step that has the peak to 1 at the last step. */
  private double progress(long step) {
    long first = Math.max(0, warmupSteps - 1);
    long steps = totalSteps - 1 - first;
    return steps == 0 ? 1 : Math.min(1, (step - first) / (double) steps);
  }
}
