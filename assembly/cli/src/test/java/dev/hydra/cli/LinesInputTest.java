package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.hydra.cli.common.UsageException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class LinesInputTest {
  private static LinesInput of(byte[] bytes) {
    return new LinesInput(new ByteArrayInputStream(bytes));
  }

  @Test
  void eachLineIsAMessage() throws IOException {
    LinesInput in = of("H\u00e4?\n\nyes".getBytes(StandardCharsets.UTF_8));
    assertEquals("H\u00e4?", in.next());
    assertEquals("", in.next());
    assertEquals("yes", in.next());
    assertNull(in.next());
  }

  @Test
  void whatIsNotUtf8IsNotAnswered() {
    assertThatThrownBy(of(new byte[] {'a', (byte) 0xff, '\n'})::next)
        .isInstanceOf(UsageException.class)
        .hasMessage("standard input is not text in UTF-8");
  }
}
