package dev.hydra.libtorch.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** The resident memory of this process, in bytes; Linux only, and not that of a CUDA device. */
public final class ProcessMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");

  /** What makes the kernel forget the peak so far; proc(5). */
  private static final String RESET_PEAK = "5";

  private ProcessMemory() {}

  /** Returns what is resident now. */
  public static OptionalLong now() {
    try {
      return OptionalLong.of(1024 * kilobytes("VmRSS:"));
    } catch (IOException notLinux) {
      return OptionalLong.empty();
    }
  }

  /**
   * Runs an action; gives what was resident at its peak and not before. A lower bound: what other
   * threads, or the kernel, give back meanwhile is missing from the sum.
   */
  public static OptionalLong peakDuring(Runnable action) {
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
