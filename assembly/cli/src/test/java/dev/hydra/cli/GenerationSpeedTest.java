package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class GenerationSpeedTest {
  private final AtomicLong clock = new AtomicLong();
  private final GenerationSpeed speed = new GenerationSpeed(clock::get);

  private void drawnAfter(long millis) {
    clock.addAndGet(Duration.ofMillis(millis).toNanos());
    speed.drawn();
  }

  @Test
  void theFirstTokenIsApart() {
    assertThat(speed.report()).isEmpty();
    drawnAfter(1500);
    assertThat(speed.report()).contains("1 token, the first after 1.50 s");
    for (int i = 0; i < 1000; i++) {
      drawnAfter(5);
    }
    assertThat(speed.report())
        .contains("1,001 tokens, the first after 1.50 s, then 200.0 tokens/s");
  }
}
