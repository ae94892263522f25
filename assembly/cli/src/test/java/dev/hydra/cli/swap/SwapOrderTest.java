package dev.hydra.cli.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SwapOrderTest {
  @Test
  void limitsAreNumbersOfSeconds() {
    assertThat(SwapOrder.read(Map.of("limit_seconds", 2.5)).limit())
        .isEqualTo(Duration.ofMillis(2500));
    for (Object wrong : List.of("x", 0, -1, List.of())) {
      assertThatThrownBy(() -> SwapOrder.read(Map.of("limit_seconds", wrong)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("limit_seconds must be a number above 0");
    }
  }

  @Test
  void formsDoNotWait() {
    ChannelChanges changes = new ChannelChanges(Path.of("nowhere"));
    for (String key : List.of("do", "wait")) {
      assertThatThrownBy(() -> changes.swap(Map.of(key, true, "config", "a = 1", "sites", "x")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(key + " is not a key of a form");
    }
  }
}
