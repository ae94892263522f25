package dev.hydra.mixer.attention;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How much memory this process has needed. */
final class Memory {
  /** Linux only. */
  static final Path STATUS = Path.of("/proc/self/status");

  private Memory() {}

  /** The most memory that this process has had resident, in bytes. */
  static long peak() throws IOException {
    return Files.readAllLines(STATUS).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
        .sum();
  }
}
