package dev.hydra.tokenizer.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** A table that makes b of A: what is damaged is refused, or the library survives it. */
class CharsmapTest {
  private static final int UNITS = 512;

  /** The root's children are in the second block, as is the value of the only one. */
  private static byte[] table() {
    int base = 256;
    int child = base ^ 'A';
    int value = 400;
    ByteBuffer bytes =
        ByteBuffer.allocate(4 + UNITS * 4 + 2 * 3).order(ByteOrder.LITTLE_ENDIAN).putInt(UNITS * 4);
    bytes.putInt(4, base << 10);
    bytes.putInt(4 + 4 * child, (child ^ value) << 10 | 1 << 8 | 'A');
    bytes.putInt(4 + 4 * value, 1 << 31 | 3);
    bytes.position(4 + UNITS * 4);
    return bytes.put("\u00e9\0b\0.".getBytes(StandardCharsets.UTF_8)).array();
  }

  private static String base64(byte[] table) {
    return Base64.getEncoder().encodeToString(table);
  }

  private static long[] encoded(String table, String text) {
    String json =
        """
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "%s"},
         "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "A": 2, ".": 3, "x": 4}, "merges": []}}
        """;
    return TokenizerHandle.read(json.formatted(table)).encode(text, false);
  }

  @Test
  void theTableIsOne() throws IOException {
    Charsmap.check("here", base64(table()));
    assertArrayEquals(new long[] {0, 1, 4}, encoded(base64(table()), "aAx"));
  }

  @Test
  void whatIsNoTableIsRefused() {
    for (Object other :
        Arrays.asList(
            null, 5, "", "!", "AAAA", "AAAAAAA=", "AAAAAA", base64(Arrays.copyOf(table(), 99)))) {
      assertThatThrownBy(() -> Charsmap.check("here", other))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("here ");
    }
  }

  /** What the library does at a place outside the table would end these tests. */
  @Test
  void flippedBitsAreRefusedOrSurvived() {
    Random random = new Random(20_26);
    int refused = 0;
    int rounds = 2000;
    String all =
        IntStream.range(1, 600)
            .mapToObj(c -> Character.toString(c) + "A\u00e9")
            .collect(Collectors.joining("\n"));
    for (int round = 0; round < rounds; round++) {
      byte[] table = table();
      int[] places = {0, 4, 4 + 4 * (256 ^ 'A'), 4 + 4 * 400, 4 + 4 * UNITS};
      int at = places[random.nextInt(places.length)] + random.nextInt(6);
      table[Math.min(at, table.length - 1)] ^= (byte) (1 << random.nextInt(8));
      try {
        Charsmap.check("here", base64(table));
      } catch (IOException e) {
        refused++;
        continue;
      }
      assertThat(encoded(base64(table), all)).isNotEmpty();
    }
    assertThat(refused).isBetween(rounds / 4, rounds - rounds / 4);
  }
}
