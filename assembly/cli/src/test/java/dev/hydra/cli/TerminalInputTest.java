package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jline.terminal.Size;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TerminalInputTest {
  /** Of one without size, as containers have, nothing that is written would be seen. */
  @ParameterizedTest
  @CsvSource({"0, 0, 80", "132, 50, 132"})
  void whatIsWrittenIsSeen(int columns, int rows, int width) throws IOException {
    ByteArrayOutputStream screen = new ByteArrayOutputStream();
    ByteArrayInputStream keys =
        new ByteArrayInputStream("who are you\r".getBytes(StandardCharsets.UTF_8));
    try (Terminal terminal =
        TerminalBuilder.builder().system(false).streams(keys, screen).type("xterm").build()) {
      terminal.setSize(new Size(columns, rows));
      TerminalInput input = new TerminalInput(terminal);
      assertThat(terminal.getWidth()).isEqualTo(width);
      assertThat(input.next()).isEqualTo("who are you");
      terminal.flush();
      assertThat(screen.toString(StandardCharsets.UTF_8)).contains("> who are you");
    }
  }
}
