package dev.hydra.libtorch.products;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How cublasLt computes a product, which holds for one version of the library.
 *
 * @param words the {@code cublasLtMatmulAlgo_t}, {@link #WORDS} numbers
 * @param workspaceBytes the device memory that it needs besides
 */
record Algorithm(List<Long> words, long workspaceBytes) {
  static final int WORDS = 8;

  private static final String WORD = "[0-9a-f]{16}";
  private static final String ALL = WORD + "(?: " + WORD + "){" + WORDS + "}";

  /** Writes it as a file's content. */
  byte[] text() {
    return Stream.concat(words.stream(), Stream.of(workspaceBytes))
        .map(word -> String.format("%016x", word))
        .collect(Collectors.joining(" "))
        .getBytes(StandardCharsets.US_ASCII);
  }

  /** Reads what {@link #text} wrote; nothing if it is something else. */
  static Optional<Algorithm> parse(byte[] text) {
    String all = new String(text, StandardCharsets.US_ASCII);
    if (!all.matches(ALL)) {
      return Optional.empty();
    }
    List<Long> numbers =
        Stream.of(all.split(" ", -1)).map(word -> Long.parseUnsignedLong(word, 16)).toList();
    return Optional.of(new Algorithm(numbers.subList(0, WORDS), numbers.get(WORDS)));
  }
}
