package dev.hydra.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.data.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Test;

class TextStreamTest {
  /** Text is bytes. */
  private record Bytes() implements Tokenizer {
    @Override
    public int vocabSize() {
      return 256;
    }

    @Override
    public void encode(byte[] text, IntConsumer sink) {
      for (byte each : text) {
        sink.accept(each & 0xff);
      }
    }

    @Override
    public byte[] bytes(int token) {
      return new byte[] {(byte) token};
    }
  }

  private static List<String> pieces(TextStream stream, String text) {
    List<String> pieces = new ArrayList<>();
    for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
      pieces.add(stream.next(each & 0xff));
    }
    pieces.add(stream.finish());
    return pieces;
  }

  @Test
  void holdsBackWhatMayBeAStopString() {
    TextStream stream = new TextStream(new Bytes(), List.of("end", "nd!"));
    assertEquals(List.of("a", "", "e", "e", "", "", ""), pieces(stream, "aeeend"));
    assertTrue(stream.stopped());
  }

  @Test
  void givesBackWhatWasNone() {
    TextStream stream = new TextStream(new Bytes(), List.of("end"));
    assertEquals(List.of("", "", "enx", "", "", "en"), pieces(stream, "enxen"));
    assertFalse(stream.stopped());
  }

  @Test
  void charactersComeWhole() {
    assertEquals(
        List.of("", "\u00e9", "", "", "\u20ac", ""),
        pieces(new TextStream(new Bytes(), List.of()), "\u00e9\u20ac"));
  }

  @Test
  void anEmptyStopStringIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new TextStream(new Bytes(), List.of("a", "")));
  }
}
