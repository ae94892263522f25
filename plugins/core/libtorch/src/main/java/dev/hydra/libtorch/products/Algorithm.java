package dev.hydra.libtorch.products;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How cublasLt computes a product: a {@code cublasLtMatmulAlgo_t}, which holds for one version of
 * the library.
 *
 * @param words what it consists of, {@link #WORDS} numbers
 */
record Algorithm(List<Long> words) {
  static final int WORDS = 8;

  private static final String WORD = "[0-9a-f]{16}";
  private static final String ALL = WORD + "(?: " + WORD + "){" + (WORDS - 1) + "}";

  /** Writes it as a file's content. */
  byte[] text() {
    return words.stream()
        .map(word -> String.format("%016x", word))
        .collect(Collectors.joining(" "))
        .getBytes(StandardCharsets.US_ASCII);
  }

  /** Reads what {@link #text} wrote; nothing if it is something else. */
  static Optional<Algorithm> parse(byte[] text) {
    String all = new String(text, StandardCharsets.US_ASCII);
    return all.matches(ALL)
        ? Optional.of(
            new Algorithm(
                Stream.of(all.split(" ", -1)).map(word -> Long.parseUnsignedLong(word, 16)).toList()))
        : Optional.empty();
  }
}
