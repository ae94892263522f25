package dev.hydra.data;

import java.nio.charset.StandardCharsets;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/** Turns UTF-8 text into token ids and back. Implementations keep no state between calls. */
public interface Tokenizer {
  /** Returns the number of different tokens; ids run from 0 to one less. */
  int vocabSize();

  /**
   * Encodes text.
   *
   * @param text UTF-8, though any bytes must be accepted
   * @param sink receives the ids in order
   */
  void encode(byte[] text, IntConsumer sink);

  /**
   * Returns the bytes that a token stands for; they may begin or end within a character.
   *
   * @throws IllegalArgumentException if there is no such token
   */
  byte[] bytes(int token);

  /** Encodes text. */
  default int[] encode(String text) {
    IntStream.Builder tokens = IntStream.builder();
    encode(text.getBytes(StandardCharsets.UTF_8), tokens);
    return tokens.build().toArray();
  }

  /** Decodes tokens; bytes that are not UTF-8 become U+FFFD. */
  default String decode(int... tokens) {
    StreamingDecoder decoder = new StreamingDecoder(this);
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      text.append(decoder.next(token));
    }
    return text.append(decoder.finish()).toString();
  }
}
