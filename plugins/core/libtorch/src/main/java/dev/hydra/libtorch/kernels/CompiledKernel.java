package dev.hydra.libtorch.kernels;

import java.util.List;
import java.util.Map;

/**
 * A program that this process has compiled, or found compiled.
 *
 * @param program its name
 * @param macros what was defined for it
 * @param cached whether it was found on disk
 * @param seconds how long that took
 */
public record CompiledKernel(
    String program, Map<String, Integer> macros, boolean cached, double seconds) {
  /** Returns all, in the order of their use. */
  public static List<CompiledKernel> all() {
    return KernelProgram.compiled();
  }
}
