package dev.hydra.data;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Turns UTF-8 text into token ids and back. Implementations keep nothing between calls that changes
 * a result, and may be used by several threads at once.
 *
 * <p>Special tokens, such as those that begin or end a text, stand for no text of their own. What
 * is trained on is encoded without them; prompts of published models have them.
 */
public interface Tokenizer {
  /** Returns the number of different tokens; ids run from 0 to one less. */
  int vocabSize();

  /**
   * Encodes text, without special tokens round it.
   *
   * @param text UTF-8, though any bytes must be accepted
   * @param sink receives the ids in order
   */
  void encode(byte[] text, IntConsumer sink);

  /**
   * Returns the bytes that a token stands for inside a text; they may begin or end within a
   * character. A special token stands for none.
   *
   * @throws IllegalArgumentException if there is no such token
   */
  byte[] bytes(int token);

  /** Encodes text, without special tokens round it. */
  default int[] encode(String text) {
    IntStream.Builder tokens = IntStream.builder();
    encode(text.getBytes(StandardCharsets.UTF_8), tokens);
    return tokens.build().toArray();
  }

  /** Encodes text as a prompt: with the special tokens that the tokenizer puts round a text. */
  default int[] encodePrompt(String text) {
    return encode(text);
  }

  /** Decodes tokens, special ones left out; bytes that are not UTF-8 become U+FFFD. */
  default String decode(int... tokens) {
    return decode(tokens, true);
  }

  /**
   * Decodes tokens; bytes that are not UTF-8 become U+FFFD.
   *
   * @param skipSpecial whether special tokens are left out; else they are shown by name
   */
  default String decode(int[] tokens, boolean skipSpecial) {
    StreamingDecoder decoder = streamingDecoder();
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      text.append(decoder.next(token));
    }
    return text.append(decoder.finish()).toString();
  }

  /** Returns a decoder for tokens that come one by one, at the start of a text. */
  default StreamingDecoder streamingDecoder() {
    return new ByteDecoder(this);
  }

  /** Returns the special token that ends a text, if there is one. */
  default OptionalInt endOfText() {
    return OptionalInt.empty();
  }

  /**
   * Returns what decides about the ids of a text, such as a hash of the tokenizer's file: what was
   * encoded by a tokenizer with the same answer need not be encoded again.
   */
  default String identity() {
    return getClass().getName();
  }

  /**
   * Returns the files that it was made from, which a run and an exported model take along: the
   * tokenizer's own first, then those that belong to it.
   */
  default List<Path> files() {
    return List.of();
  }
}
