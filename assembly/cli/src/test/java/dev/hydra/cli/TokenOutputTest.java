package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.data.ByteTokenizer;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class TokenOutputTest {
  private final StringWriter screen = new StringWriter();

  /** A character of several bytes appears when its last byte has come, and not in pieces. */
  @Test
  void textAppearsCharacterByCharacter() {
    TokenOutput output = new TokenOutput(new ByteTokenizer(), new PrintWriter(screen));
    byte[] euro = "a€".getBytes(StandardCharsets.UTF_8);
    output.accept(euro[0]);
    output.accept(euro[1] & 0xff);
    output.accept(euro[2] & 0xff);
    assertThat(screen).hasToString("a");
    output.accept(euro[3] & 0xff);
    assertThat(screen).hasToString("a€");
    assertThat(output.finish()).contains("a€");
  }

  @Test
  void anUnfinishedCharacterIsShownAtTheEnd() {
    TokenOutput output = new TokenOutput(new ByteTokenizer(), null);
    output.accept(0xe2);
    assertThat(output.finish()).contains("\ufffd");
  }

  @Test
  void withoutATokenizerThereAreNumbers() {
    TokenOutput output = new TokenOutput(null, new PrintWriter(screen));
    output.accept(7);
    output.accept(300);
    assertThat(screen).hasToString("7 300 ");
    assertThat(output.finish()).isEmpty();
  }
}
