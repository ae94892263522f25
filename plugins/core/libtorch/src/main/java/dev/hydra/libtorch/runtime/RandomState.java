package dev.hydra.libtorch.runtime;

import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The state of LibTorch's default random generators, those that dropout and {@code randn} use.
 *
 * @param cpu the CPU's, uint8 [n] on the CPU
 * @param cuda the current CUDA device's, uint8 [n] on the CPU; empty if there is none
 */
public record RandomState(Tensor cpu, Optional<Tensor> cuda) implements AutoCloseable {
  /** Seeds the generators of all devices. */
  public static void seed(long seed) {
    torch.manual_seed(seed);
  }

  /**
   * Returns a copy of the present state, owned by the scope round this call. Without that of CUDA
   * while a CUDA graph is captured: LibTorch refuses to draw random numbers there.
   */
  public static RandomState save() {
    return new RandomState(
        cpuGenerator().get_state(),
        Devices.cudaAvailable() && !HostWait.capturing()
            ? Optional.of(cudaGenerator().get_state())
            : Optional.empty());
  }

  /** Returns a copy of the present state that no scope frees: whoever called this closes it. */
  public static RandomState own() {
    try (PointerScope scope = new PointerScope()) {
      RandomState state = save();
      return new RandomState(Scopes.own(state.cpu), state.cuda.map(Scopes::own));
    }
  }

  /** Makes this the present state. What was saved on CUDA is left aside where there is none. */
  public void restore() {
    cpuGenerator().set_state(cpu);
    if (Devices.cudaAvailable()) {
      cuda.ifPresent(state -> cudaGenerator().set_state(state));
    }
  }

  @Override
  public void close() {
    cpu.close();
    cuda.ifPresent(Tensor::close);
  }

  private static Generator cpuGenerator() {
    return torch.getDefaultCPUGenerator();
  }

  private static Generator cudaGenerator() {
    try (Device current = new Device("cuda")) {
      return torch.globalContext().defaultGenerator(current);
    }
  }
}
