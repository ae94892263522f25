package dev.hydra.trainer.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TrainingClockTest {
  @Test
  void theTimeThatDataIsWaitedForIsAPartOfTheLap() {
    TrainingClock clock = new TrainingClock();
    clock.start(new TrainingClock.Position(0, 0));
    assertThat(clock.waitFor(() -> slow(200))).isEqualTo("batch");
    slow(50);
    clock.stepped(64);
    TrainingClock.Lap lap = clock.lap();
    assertThat(lap.dataWait()).isBetween(0.3, 0.98);
    assertThat(lap.tokensPerSecond()).isBetween(1.0, 64 / 0.25);
    slow(20);
    assertThat(clock.lap().dataWait()).as("of this lap only").isZero();
  }

  /** What passes before the first step, as a model is built, is not training. */
  @Test
  void standsStillUntilItIsStarted() {
    TrainingClock clock = new TrainingClock();
    slow(50);
    assertThat(clock.position()).isEqualTo(new TrainingClock.Position(0, 0));
    clock.start(new TrainingClock.Position(64, 2));
    slow(50);
    assertThat(clock.position().seconds()).isBetween(2.05, 60.0);
    assertThat(clock.position().tokens()).isEqualTo(64);
  }

  private static String slow(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return "batch";
  }
}
