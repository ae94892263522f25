package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class TransferProgressTest {
  private final StringWriter screen = new StringWriter();

  @Test
  void isForTerminalsOnly() {
    new TransferProgress(new PrintWriter(screen), false).moved(5 << 20, 5 << 20);
    assertThat(screen.toString()).isEmpty();
  }

  @Test
  void theEndIsAlwaysShown() {
    TransferProgress progress = new TransferProgress(new PrintWriter(screen), true);
    for (int i = 1; i <= 5; i++) {
      progress.moved(i << 20, 5 << 20);
    }
    assertThat(screen.toString()).endsWith("\r\u001b[K5 of 5 MiB" + System.lineSeparator());
    assertThat(screen.toString().split("\r")).hasSizeLessThan(5);
  }
}
