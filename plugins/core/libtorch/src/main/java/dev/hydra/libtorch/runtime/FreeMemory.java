package dev.hydra.libtorch.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Measures the memory that the host has left. */
public final class FreeMemory {
  private static final Path INFO = Path.of("/proc/meminfo");
  private static final String AVAILABLE = "MemAvailable:";

  private FreeMemory() {}

  /**
   * Returns the bytes that are left to the host. Parameters are drawn there whatever the device,
   * and Linux does not refuse an allocation that is too large; a GPU does that itself.
   */
  public static long bytes() {
    return Math.min(machine(), MemoryLimits.own().room());
  }

  private static long machine() {
    if (!Files.exists(INFO)) {
      return Long.MAX_VALUE;
    }
    try (Stream<String> lines = Files.lines(INFO)) {
      return lines
          .filter(line -> line.startsWith(AVAILABLE))
          .map(line -> line.substring(AVAILABLE.length()).replaceAll("\\D", ""))
          .mapToLong(Long::parseLong)
          .map(kilobytes -> kilobytes << 10)
          .findFirst()
          .orElse(Long.MAX_VALUE);
    } catch (IOException e) {
      return Long.MAX_VALUE; // it is a precaution
    }
  }
}
