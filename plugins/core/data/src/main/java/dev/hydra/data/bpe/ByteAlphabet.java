package dev.hydra.data.bpe;

import java.nio.charset.StandardCharsets;

/**
 * The characters by which byte-level BPE writes bytes: those that print stand for themselves, the
 * others for characters from 256 on (openai/gpt-2, encoder.py, bytes_to_unicode).
 */
final class ByteAlphabet {
  static final int SIZE = 256;

  private static final String[] CHARACTERS = characters();

  private ByteAlphabet() {}

  private static String[] characters() {
    String[] all = new String[SIZE];
    int next = SIZE;
    for (int b = 0; b < SIZE; b++) {
      boolean prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      all[b] = String.valueOf((char) (prints ? b : next++));
    }
    return all;
  }

  static String character(int b) {
    return CHARACTERS[b];
  }

  static int[] bytes(String word) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = Byte.toUnsignedInt(bytes[i]);
    }
    return ids;
  }
}
