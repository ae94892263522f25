package dev.hydra.libtorch.nn;

import dev.hydra.api.Init;

/**
 * How weights of linear maps start: normal, with a deviation that keeps the size of what goes
 * through at every width.
 *
 * <p>It is 1 / sqrt(3 in), the deviation of PyTorch's own start, from which the published state
 * spaces began; and never below the 0.02 of GPT-2, which is that of about 830 inputs. 0.02 at any
 * width is too little for narrow models: at a width of 64 what is projected starts 3.6 times
 * smaller than this, so that an attention's scores, products of two projections, start 13 times
 * smaller, and a state space's v B C, a product of three, 47 times. Such parts have hardly any
 * gradient, and small models take long to find them.
 */
public final class LinearInit {
  private static final double LEAST = 0.02;
  private static final double PER_INPUT = 3;

  private LinearInit() {}

  /** Returns the start of a map of so many inputs whose result stays within the component. */
  public static Init inner(long in) {
    return Init.normal(deviation(in));
  }

  /**
   * Returns the start of a map of so many inputs whose result is added to the residual stream:
   * smaller with depth, so that the stream's variance does not grow with it (GPT-2).
   */
  public static Init outer(int depth, long in) {
    return Init.normal(deviation(in) / Math.sqrt(2.0 * depth));
  }

  private static double deviation(long in) {
    return Math.max(LEAST, 1 / Math.sqrt(PER_INPUT * in));
  }
}
