package dev.hydra.tokenizer.hf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Checks the table of a normaliser of SentencePiece, which the native library reads without looking
 * at its bounds: four bytes with the length of a trie, the trie as a double array (darts-clone),
 * and the texts that its values point to, each with a zero after it.
 */
final class Charsmap {
  private static final int LARGEST_BYTE = 255;

  private final String place;
  private final int[] trie;
  private final byte[] texts;
  private final BitSet seen = new BitSet();
  private final Deque<Integer> open = new ArrayDeque<>();

  private Charsmap(String place, int[] trie, byte[] texts) {
    this.place = place;
    this.trie = trie;
    this.texts = texts;
  }

  /**
   * Checks a table.
   *
   * @param place where it stands, for messages
   * @param value what stands there
   * @throws IOException if it is not such a table in Base64, or points outside itself
   */
  static void check(String place, @Nullable Object value) throws IOException {
    if (!(value instanceof String text)) {
      throw new IOException(place + " is " + Places.shown(value) + ", not a text");
    }
    ByteBuffer bytes = ByteBuffer.wrap(decoded(place, text)).order(ByteOrder.LITTLE_ENDIAN);
    long length = bytes.remaining() < Integer.BYTES ? -1 : Integer.toUnsignedLong(bytes.getInt());
    if (length < Integer.BYTES || length > bytes.remaining()) {
      throw wrong(place);
    }
    int[] trie = new int[(int) (length / Integer.BYTES)];
    bytes.asIntBuffer().get(trie);
    byte[] texts = new byte[bytes.remaining() - trie.length * Integer.BYTES];
    bytes.get(bytes.position() + trie.length * Integer.BYTES, texts);
    new Charsmap(place, trie, texts).check();
  }

  private static byte[] decoded(String place, String text) throws IOException {
    try {
      byte[] bytes = Base64.getDecoder().decode(text);
      if (Base64.getEncoder().encodeToString(bytes).equals(text)) { // the library is as strict
        return bytes;
      }
    } catch (IllegalArgumentException e) {
      // as below
    }
    throw new IOException(place + " is not Base64");
  }

  private static IOException wrong(String place) {
    return new IOException(place + " is not a table of SentencePiece, or is damaged");
  }

  /** Goes through all that can be reached from the root, whatever text is looked up. */
  private void check() throws IOException {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(texts));
    } catch (CharacterCodingException e) {
      throw new IOException(place + " has texts that are not UTF-8", e);
    }
    reach(offset(trie[0]));
    while (!open.isEmpty()) {
      int base = open.pop();
      for (int c = 1; c <= LARGEST_BYTE; c++) {
        int unit = trie[base ^ c];
        if ((unit & (1 << 31 | LARGEST_BYTE)) == c) {
          int next = base ^ c ^ offset(unit);
          reach(next);
          if ((unit >> 8 & 1) == 1) {
            value(trie[next] & Integer.MAX_VALUE);
          }
        }
      }
    }
  }

  /** From a base, each byte of a text leads to a unit in the same block of 256. */
  private void reach(int base) throws IOException {
    if (base < 0 || (base | LARGEST_BYTE) >= trie.length) {
      throw wrong(place);
    }
    if (!seen.get(base)) {
      seen.set(base);
      open.push(base);
    }
  }

  /** A text must not begin in the middle of a character. */
  private void value(int at) throws IOException {
    if (at > texts.length || (at < texts.length && (texts[at] & 0xc0) == 0x80)) {
      throw wrong(place);
    }
  }

  private static int offset(int unit) {
    return (unit >>> 10) << ((unit & 1 << 9) >> 6);
  }
}
