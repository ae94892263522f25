package dev.hydra.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * How much resident memory this process needs while something runs; Linux only, and what LibTorch
 * has allocated on a CUDA device is not in it. It is a lower bound: what other threads, or the
 * kernel, give back meanwhile is missing from the sum.
 */
final class PeakMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");

  /** What makes the kernel forget the peak so far; proc(5). */
  private static final String RESET_PEAK = "5";

  private PeakMemory() {}

  /** Runs an action; gives the bytes that were resident at its peak and not before. */
  static OptionalLong during(Runnable action) {
    OptionalLong before = OptionalLong.empty();
    try {
      Files.writeString(CLEAR, RESET_PEAK);
      before = OptionalLong.of(kilobytes("VmRSS:"));
    } catch (IOException notLinux) {
      // there is no figure then, which is what an empty result says
    }
    action.run();
    try {
      return before.isEmpty()
          ? before
          : OptionalLong.of(1024 * Math.max(0, kilobytes("VmHWM:") - before.getAsLong()));
    } catch (IOException notLinux) {
      return OptionalLong.empty();
    }
  }

  private static long kilobytes(String key) throws IOException {
    for (String line : Files.readAllLines(STATUS)) {
      if (line.startsWith(key)) {
        return Long.parseLong(line.substring(key.length()).replace("kB", "").strip());
      }
    }
    throw new IOException(STATUS + " has no " + key);
  }
}
