package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Measures how much memory an action needs at most; Linux only, elsewhere the test is skipped. */
public final class PeakMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");

  private PeakMemory() {}

  /**
   * Runs an action; gives by how many bytes the resident memory grew at most meanwhile. The peak is
   * set back before, since that of an earlier test would hide this one's.
   */
  public static long during(Runnable action) {
    assumeTrue(Files.exists(CLEAR), "needs Linux to measure the peak of memory");
    try {
      Files.writeString(CLEAR, "5");
      long before = bytes("VmRSS:");
      assertTrue(bytes("VmHWM:") <= before + (64L << 20), "the peak was not set back");
      action.run();
      return bytes("VmHWM:") - before;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static long bytes(String field) throws IOException {
    return Files.readAllLines(STATUS).stream()
        .filter(line -> line.startsWith(field))
        .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow(() -> new IOException(STATUS + " has no line " + field));
  }
}
