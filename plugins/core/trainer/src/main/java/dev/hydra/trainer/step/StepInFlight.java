package dev.hydra.trainer.step;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A step that was launched: the device may still be at it. */
public final class StepInFlight {
  private final Supplier<StepMetrics> metrics;
  private @Nullable StepMetrics measured;

  /**
   * Creates one.
   *
   * @param metrics waits for them
   */
  StepInFlight(Supplier<StepMetrics> metrics) {
    this.metrics = metrics;
  }

  /** Waits until the step is done, and returns its metrics. */
  public StepMetrics await() {
    if (measured == null) {
      measured = metrics.get();
    }
    return measured;
  }

  /** Says whether nobody has waited for it yet. */
  boolean unsettled() {
    return measured == null;
  }
}
