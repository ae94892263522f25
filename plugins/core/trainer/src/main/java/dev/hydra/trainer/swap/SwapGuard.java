package dev.hydra.trainer.swap;

import dev.hydra.trainer.step.StepMetrics;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Optional;

/** Watches the losses after a swap, and knows those before. */
final class SwapGuard {
  /** Losses before a swap that are averaged. */
  private static final int WINDOW = 20;

  private final GuardSettings settings;
  private final Deque<Double> before = new ArrayDeque<>();
  private int left;

  /** Creates a guard that does not watch a swap yet. */
  SwapGuard(GuardSettings settings) {
    this.settings = settings;
  }

  /** Begins to watch a swap that was made. */
  void begin() {
    left = settings.steps();
  }

  /** Ends the watch: the swap was rolled back or confirmed. */
  void end() {
    left = 0;
  }

  /** Says whether a swap is watched. */
  boolean watching() {
    return left > 0;
  }

  /**
   * Judges the losses of a step.
   *
   * @return why the swap must be rolled back, if it must
   */
  Optional<String> judge(StepMetrics measured) {
    double loss = measured.loss();
    boolean finite = measured.finite();
    if (!watching()) {
      if (finite) {
        before.addLast(loss);
      }
      if (before.size() > WINDOW) {
        before.removeFirst();
      }
      return Optional.empty();
    }
    left--;
    double mean = before.stream().mapToDouble(each -> each).average().orElse(Double.MAX_VALUE);
    double limit = Math.min(mean * settings.factor(), settings.loss().orElse(Double.MAX_VALUE));
    if (!finite) {
      return Optional.of("a step is not finite (" + measured + ")");
    }
    return loss > limit
        ? Optional.of(
            String.format(Locale.ROOT, "the loss is %.4g, above the limit of %.4g", loss, limit))
        : Optional.empty();
  }
}
