package dev.hydra.libtorch.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** What Linux says of the machine's memory. */
final class MemoryInfo {
  private static final Path FILE = Path.of("/proc/meminfo");

  private MemoryInfo() {}

  /** Returns the bytes of an entry, such as {@code MemAvailable}; empty if nothing says so. */
  static OptionalLong bytes(String entry) {
    if (!Files.exists(FILE)) {
      return OptionalLong.empty();
    }
    String key = entry + ":";
    try (Stream<String> lines = Files.lines(FILE)) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(key.length()).replaceAll("\\D", ""))
          .mapToLong(Long::parseLong)
          .map(kilobytes -> kilobytes << 10)
          .findFirst();
    } catch (IOException e) {
      return OptionalLong.empty(); // it is a precaution
    }
  }
}
