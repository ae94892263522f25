package dev.hydra.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TokenizerTest {
  private static final String TEXT = "a\u00e9\u20ac\ud83d\ude00\n";

  private final ByteTokenizer bytes = new ByteTokenizer();

  @Test
  void aTokenIsAByte() {
    assertEquals(256, bytes.vocabSize());
    assertArrayEquals(
        new int[] {0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0x0a},
        bytes.encode(TEXT));
    assertEquals(TEXT, bytes.decode(bytes.encode(TEXT)));
  }

  @Test
  void aTokenOutsideTheVocabularyIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> bytes.bytes(256));
    assertThrows(IllegalArgumentException.class, () -> bytes.bytes(-1));
  }

  @Test
  void aCharacterComesWithItsLastByte() {
    StreamingDecoder decoder = bytes.streamingDecoder();
    List<String> pieces = new ArrayList<>();
    for (int token : bytes.encode(TEXT)) {
      pieces.add(decoder.next(token));
    }
    assertEquals(
        List.of("a", "", "\u00e9", "", "", "\u20ac", "", "", "", "\ud83d\ude00", "\n"), pieces);
    assertEquals("", decoder.finish());
  }

  @Test
  void anUnfinishedCharacterIsReplacedAtTheEndAndForgotten() {
    StreamingDecoder decoder = bytes.streamingDecoder();
    assertEquals("", decoder.next(0xe2));
    assertEquals("", decoder.next(0x82));
    assertEquals("\ufffd", decoder.finish());
    assertEquals("b", decoder.next('b'));
  }

  @Test
  void anyBytesDecodeAsThePlatformDecodesThemAtOnce() {
    Random random = new Random(1);
    for (int round = 0; round < 200; round++) {
      byte[] noise = new byte[50];
      random.nextBytes(noise);
      StreamingDecoder decoder = bytes.streamingDecoder();
      StringBuilder text = new StringBuilder();
      bytes.encode(noise, token -> text.append(decoder.next(token)));
      text.append(decoder.finish());
      assertEquals(new String(noise, StandardCharsets.UTF_8), text.toString());
    }
  }

  @Test
  void aTokenOfSeveralBytesMayEndWithinACharacter() {
    StreamingDecoder decoder = new PairTokenizer().streamingDecoder();
    StringBuilder text = new StringBuilder();
    new PairTokenizer()
        .encode(
            "x\u20ac\u20ac".getBytes(StandardCharsets.UTF_8),
            token -> text.append(decoder.next(token)));
    assertEquals("x\u20ac\u20ac", text + decoder.finish());
  }
}
