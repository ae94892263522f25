package dev.hydra.inference;

import dev.hydra.libtorch.kernels.KernelLaunches;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tries the CUDA kernels that find the largest logits, on a device. */
public final class GreedyTrial {
  /** The programs that are tried. */
  public static final List<String> PROGRAMS = List.of("largest_logit.cu");

  /** Rows, and more logits than their parts have threads. */
  private static final long ROWS = 3;

  private static final long VOCABULARY = 20_011;

  private static final Sampler.Way GREEDY = new Sampler.Way(true, false, 0, false);

  private GreedyTrial() {}

  /**
   * Compares what is drawn greedily of random logits with what LibTorch's own operators draw, in
   * float32 and bfloat16.
   *
   * @param device a CUDA device
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled or launched
   * @throws IllegalStateException if they draw something else, or do not run
   */
  public static void run(Device device) {
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      try (PointerScope scope = new PointerScope()) {
        Tensor logits = torch.randn(ROWS, VOCABULARY).to(device, type);
        long[] found = KernelLaunches.demand(PROGRAMS, () -> drawn(logits, KernelMode.FUSED));
        long[] expected = drawn(logits, KernelMode.PLAIN);
        if (!Arrays.equals(found, expected)) {
          throw new IllegalStateException(
              "of logits in "
                  + type
                  + " kernels draw "
                  + Arrays.toString(found)
                  + ", LibTorch "
                  + Arrays.toString(expected));
        }
      }
    }
  }

  private static long[] drawn(Tensor logits, KernelMode mode) {
    try (KernelMode.Setting kernels = mode.set()) {
      return Tensors.integers(Sampler.draw(logits, GREEDY, Tensor.create(0.0)));
    }
  }
}
