package dev.hydra.libtorch.kernels;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** Gives the kernels of a {@link KernelSet}, loaded on a device. */
public final class Kernels {
  private final Gpu gpu;
  private final List<KernelProgram> programs;
  private final List<String> names;
  private final Map<String, Kernel> kernels = new ConcurrentHashMap<>();

  Kernels(Gpu gpu, List<KernelProgram> programs, List<String> names) {
    this.gpu = gpu;
    this.programs = programs;
    this.names = names;
  }

  /** Returns the device that they are loaded on. */
  public Gpu gpu() {
    return gpu;
  }

  /**
   * Gives a kernel by its name, declared {@code extern "C"}.
   *
   * @throws KernelException if no program has it
   */
  public Kernel get(String name) {
    return kernels.computeIfAbsent(
        name,
        wanted ->
            programs.stream()
                .map(program -> program.kernel(wanted))
                .flatMap(Optional::stream)
                .findFirst()
                .orElseThrow(
                    () -> new KernelException("there is no kernel " + wanted + " in " + names)));
  }
}
