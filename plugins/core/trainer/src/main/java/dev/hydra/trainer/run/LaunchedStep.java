package dev.hydra.trainer.run;

import dev.hydra.data.Sampler;
import dev.hydra.trainer.step.StepInFlight;
import dev.hydra.trainer.step.StepMetrics;
import java.util.Optional;
import java.util.function.Function;

/** A step that was launched, and what it began with. */
final class LaunchedStep implements AutoCloseable {
  private final StepStart start;
  private final StepInFlight flight;
  private final double learningRate;

  private LaunchedStep(StepStart start, StepInFlight flight, double learningRate) {
    this.start = start;
    this.flight = flight;
    this.learningRate = learningRate;
  }

  /**
   * Launches a step. If it is given up, or fails, all is as if it had not begun.
   *
   * @param windows what it takes training windows from
   * @param launch launches it, or gives it up
   */
  static Optional<LaunchedStep> of(
      Sampler windows, double learningRate, Function<StepStart, Optional<StepInFlight>> launch) {
    StepStart start = new StepStart(windows);
    Optional<LaunchedStep> launched = Optional.empty();
    try {
      launched =
          start
              .take(() -> launch.apply(start))
              .map(flight -> new LaunchedStep(start, flight, learningRate));
      return launched;
    } finally {
      if (launched.isEmpty()) {
        start.close();
      }
    }
  }

  double learningRate() {
    return learningRate;
  }

  /** Waits until it is done. If it fails, all that it used up is as if it had not begun. */
  StepMetrics await() {
    return start.take(() -> Optional.of(flight.await())).orElseThrow();
  }

  /** Waits until it is done, where it has changed nothing, and gives back what it used up. */
  void undo() {
    start.take(
        () -> {
          flight.await();
          return Optional.empty();
        });
  }

  @Override
  public void close() {
    start.close();
  }
}
