package dev.hydra.composer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;

/** How much memory can still be taken. */
public final class FreeMemory {
  private static final Path INFO = Path.of("/proc/meminfo");
  private static final String AVAILABLE = "MemAvailable:";

  private FreeMemory() {}

  /**
   * The bytes that are left. Only where nobody refuses an allocation that is too large, as Linux
   * does not: a GPU does, so there it is as if nothing were in the way.
   */
  public static long bytes(Device device) {
    return device.is_cpu() ? Math.min(machine(), MemoryLimits.own().room()) : Long.MAX_VALUE;
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
