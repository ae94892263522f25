package dev.hydra.libtorch.kernels;

import java.util.Map;

/** Compiles programs for chips that need not be there, to find out whether it can be done. */
public final class KernelCompiler {
  private KernelCompiler() {}

  /**
   * Names the version of NVRTC, which needs no CUDA device, such as {@code 13.0}.
   *
   * @throws KernelException if it cannot be loaded
   */
  public static String version() {
    return Nvrtc.version();
  }

  /**
   * Compiles a program and throws the result away.
   *
   * @param architecture of the chip, such as {@code sm_80}
   * @param macros what is defined meanwhile
   * @throws KernelException with the compiler's own messages if it cannot be compiled
   */
  public static void compile(
      KernelSource source, String architecture, Map<String, Integer> macros) {
    Nvrtc.compile(source.name(), source.text(), source.options(architecture, macros));
  }
}
