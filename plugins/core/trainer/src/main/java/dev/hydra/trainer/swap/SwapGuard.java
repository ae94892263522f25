package dev.hydra.trainer.swap;

import dev.hydra.trainer.step.StepMetrics;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;

/** Watches the losses after a swap, and knows those before. */
final class SwapGuard {
  /** Losses before a swap that are averaged. */
  private static final int WINDOW = 20;

  private final GuardSettings settings;
  private final LongSupplier nanoTime;
  private final Deque<Double> before = new ArrayDeque<>();
  private int left;
  private long since;
  private boolean watching;

  /** Creates a guard that does not watch a swap yet. */
  SwapGuard(GuardSettings settings) {
    this(settings, System::nanoTime);
  }

  SwapGuard(GuardSettings settings, LongSupplier nanoTime) {
    this.settings = settings;
    this.nanoTime = nanoTime;
  }

  /** Begins to watch a swap that was made. */
  void begin() {
    left = settings.steps();
    since = nanoTime.getAsLong();
    watching = left > 0;
  }

  /** Ends the watch: the swap was rolled back or confirmed. */
  void end() {
    watching = false;
  }

  /** Says whether a swap is watched: the steps or the time are not over. */
  boolean watching() {
    if (watching && left == 0 && nanoTime.getAsLong() - since >= settings.time().toNanos()) {
      watching = false;
    }
    return watching;
  }

  /**
   * Judges the losses of a step.
   *
   * @return why the swap must be rolled back, if it must
   */
  Optional<String> judge(StepMetrics measured) {
    double loss = measured.loss();
    boolean finite = measured.finite();
    boolean watched = watching();
    if (watched && !finite) {
      return Optional.of("a step is not finite (" + measured + ")");
    }
    if (!watched || left == 0) { // the losses of the guard's steps were in order
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
    return loss > limit
        ? Optional.of(
            String.format(Locale.ROOT, "the loss is %.4g, above the limit of %.4g", loss, limit))
        : Optional.empty();
  }
}
