package dev.hydra.trainer.swap;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import dev.hydra.trainer.step.StepMetrics;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** How long a swap is watched, and by what. */
class SwapGuardTest {
  private final AtomicLong clock = new AtomicLong();

  private static StepMetrics loss(double loss) {
    return new StepMetrics(loss, 0, 1);
  }

  private SwapGuard guard(int steps, int seconds) {
    SwapGuard guard =
        new SwapGuard(
            new GuardSettings(steps, Duration.ofSeconds(seconds), 2, Optional.empty()), clock::get);
    assertThat(guard.judge(loss(1))).isEmpty();
    guard.begin();
    return guard;
  }

  private void pass(int seconds) {
    clock.addAndGet(Duration.ofSeconds(seconds).toNanos());
  }

  @Test
  void fastStepsDoNotEndTheWatchBeforeItsTime() {
    SwapGuard guard = guard(2, 30);
    for (int step = 0; step < 1000; step++) {
      assertThat(guard.judge(loss(1))).isEmpty();
    }
    pass(29);
    assertThat(guard.watching()).isTrue();
    assertThat(guard.judge(loss(Double.NaN))).as("not finite").isPresent();
    pass(1);
    assertThat(guard.watching()).isFalse();
  }

  @Test
  void slowStepsAreWatchedBeyondTheTime() {
    SwapGuard guard = guard(2, 30);
    pass(100);
    assertThat(guard.watching()).isTrue();
    assertThat(guard.judge(loss(1))).isEmpty();
    assertThat(guard.judge(loss(3))).as("a jump in the second step").isPresent();
    assertThat(guard.watching()).isFalse();
  }

  @Test
  void onlyTheLossesOfTheStepsAreJudged() {
    SwapGuard guard = guard(2, 30);
    assertThat(guard.judge(loss(1))).isEmpty();
    assertThat(guard.judge(loss(1))).isEmpty();
    assertThat(guard.judge(loss(3))).isEmpty();
  }

  @Test
  void withoutStepsThereIsNoWatch() {
    assertThat(guard(0, 30).watching()).isFalse();
  }

  @Test
  void theTimeIsReadWithItsUnit() {
    assertThat(GuardSettings.read(ConfigFactory.parseString("guard-time = 2 minutes")).time())
        .isEqualTo(Duration.ofMinutes(2));
    assertThat(GuardSettings.read(ConfigFactory.empty()).time()).isEqualTo(Duration.ofSeconds(30));
  }
}
