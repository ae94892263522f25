package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class GenerationSpeedTest {
  private final AtomicLong clock = new AtomicLong();

  /** The program was running for three seconds when the measurement began. */
  private final GenerationSpeed speed =
      new GenerationSpeed(clock::get, () -> 3000 + Duration.ofNanos(clock.get()).toMillis());

  private void drawnAfter(long millis) {
    clock.addAndGet(Duration.ofMillis(millis).toNanos());
    speed.drawn();
  }

  @Test
  void theFirstTokenIsApart() {
    assertThat(speed.report()).isEmpty();
    drawnAfter(1500);
    assertThat(speed.report())
        .contains("1 token, the first after 1.50 s (4.50 s after the program's start)");
    for (int i = 0; i < 1000; i++) {
      drawnAfter(5);
    }
    assertThat(speed.report())
        .contains(
            "1,001 tokens, the first after 1.50 s (4.50 s after the program's start),"
                + " then 200.0 tokens/s");
  }
}
