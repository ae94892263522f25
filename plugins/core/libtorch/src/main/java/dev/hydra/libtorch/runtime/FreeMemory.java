package dev.hydra.libtorch.runtime;

/** Measures the memory that the host has left. */
public final class FreeMemory {
  private FreeMemory() {}

  /**
   * Returns the bytes that are left to the host. Parameters are drawn there whatever the device,
   * and Linux does not refuse an allocation that is too large; a GPU does that itself.
   */
  public static long bytes() {
    return Math.min(
        MemoryInfo.bytes("MemAvailable").orElse(Long.MAX_VALUE), MemoryLimits.own().room());
  }
}
