package dev.hydra.tasks.text;

import java.util.List;
import java.util.stream.IntStream;

/** The tokens of texts: the 256 bytes. */
final class Bytes {
  static final int COUNT = 256;

  private static final int FIRST_PRINTED = '!';
  private static final int LAST_PRINTED = '~';

  private Bytes() {}

  /** Returns the text of each byte: the character where there is one to print, or its number. */
  static List<String> vocabulary() {
    return IntStream.range(0, COUNT)
        .mapToObj(
            each ->
                each >= FIRST_PRINTED && each <= LAST_PRINTED
                    ? String.valueOf((char) each)
                    : String.format("<%02x>", each))
        .toList();
  }

  /** Returns the bytes of a text of ASCII characters. */
  static int[] of(String text) {
    return text.chars().toArray();
  }
}
