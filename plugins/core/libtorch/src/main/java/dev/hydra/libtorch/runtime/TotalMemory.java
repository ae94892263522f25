package dev.hydra.libtorch.runtime;

import org.bytedeco.javacpp.Pointer;

/** Measures the memory that the host has at all, whoever uses it now. */
public final class TotalMemory {
  private TotalMemory() {}

  /**
   * Returns the most bytes that a process can fill: the machine's memory, or as much of it as its
   * control groups allow, and the machine's swap. Linux kills a process that fills more.
   */
  public static long bytes() {
    long memory = Math.min(Pointer.totalPhysicalBytes(), MemoryLimits.own().limit());
    return memory + MemoryInfo.bytes("SwapTotal").orElse(0);
  }
}
