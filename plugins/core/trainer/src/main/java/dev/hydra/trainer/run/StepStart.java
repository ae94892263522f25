package dev.hydra.trainer.run;

import dev.hydra.data.Sampler;
import dev.hydra.libtorch.runtime.RandomState;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What the forwards of a step use up, as it was when the step began: training windows and random
 * numbers. Nothing else changes before the update.
 */
final class StepStart implements AutoCloseable {
  private final Sampler windows;
  private final long position;
  private final RandomState random;

  /** Remembers how the step begins that is taken now. */
  StepStart(Sampler windows) {
    this.windows = windows;
    this.position = windows.position();
    this.random = RandomState.own();
  }

  /** Takes the step. If it is given up, or fails, all is as if it had not begun. */
  <T> Optional<T> take(Supplier<Optional<T>> step) {
    Optional<T> taken = Optional.empty();
    try {
      taken = step.get();
      return taken;
    } finally {
      if (taken.isEmpty()) {
        restore();
      }
    }
  }

  /** Does something between two forwards as if the step had not begun; then it goes on. */
  void before(Runnable action) {
    try (StepStart now = new StepStart(windows)) {
      restore();
      action.run();
      now.restore();
    }
  }

  private void restore() {
    windows.seek(position);
    random.restore();
  }

  @Override
  public void close() {
    random.close();
  }
}
