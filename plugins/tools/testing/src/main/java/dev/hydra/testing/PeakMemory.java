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
  private static final int ATTEMPTS = 5;
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");

  private PeakMemory() {}

  /**
   * Fails if an action needs as many bytes, in each of some attempts: what other threads need, the
   * heap included, comes on top of one or another, and so does what the first one loads.
   */
  public static void assertBelow(long bytes, Runnable action) {
    assumeTrue(Files.exists(CLEAR), "needs Linux to measure the peak of memory");
    long least = Long.MAX_VALUE;
    for (int attempt = 0; attempt < ATTEMPTS && least >= bytes; attempt++) {
      least = Math.min(least, during(action));
    }
    long needed = least;
    assertTrue(needed < bytes, () -> "needs " + needed + " bytes, not less than " + bytes);
  }

  /**
   * Runs an action; gives by how many bytes the resident memory grew at most meanwhile. The peak is
   * set back before, since that of an earlier test would hide this one's.
   */
  private static long during(Runnable action) {
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
