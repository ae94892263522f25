package dev.hydra.mixer.attention;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Cosines and sines of rotary positions by one CUDA kernel. The twin is in {@link Rope}. */
final class RotaryAngles {
  private static final KernelSet KERNELS =
      KernelSet.of(KernelSource.of(RotaryAngles.class, "dependent_launch.cu", "rotary_angles.cu"));

  /** Threads of a block, as the program says. */
  private static final int THREADS = 128;

  /** Multiplies with exactly one. */
  private static final RopeScaling UNSCALED = new RopeScaling("", 1, 1, RopeScaling.Ramp.NONE);

  private RotaryAngles() {}

  /**
   * Computes them on a CUDA device where kernels are to be used; else gives nothing.
   *
   * @param positions int64 [rows, time]
   * @param half pairs that turn
   * @param slope the logarithm of the ratio of the angles of neighbouring pairs
   * @param scaling of the frequencies, if any
   * @return float32 [2, rows, time, 1, half], the cosines and the sines
   */
  static Optional<Tensor> of(
      Tensor positions, int half, double slope, Optional<RopeScaling> scaling) {
    long count = positions.numel() * half;
    if (!positions.is_cuda() || CustomFunction.isInlined() || count == 0) {
      return Optional.empty();
    }
    RopeScaling scaled = scaling.orElse(UNSCALED);
    return KERNELS
        .usable(positions, Map.of())
        .map(
            kernels -> {
              Tensor both =
                  Tensors.empty(
                      positions,
                      ScalarType.Float,
                      2,
                      positions.size(0),
                      positions.size(1),
                      1,
                      half);
              kernels
                  .get("rotary_angles")
                  .launch(
                      Grid.of((count + THREADS - 1) / THREADS, THREADS),
                      positions.contiguous(),
                      both,
                      positions.numel(),
                      half,
                      slope,
                      scaled.kept().byPair() ? 1 : 0,
                      scaled.kept().rise(),
                      scaled.kept().offset(),
                      1 / scaled.factor(),
                      scaled.amplitude());
              return both;
            });
  }
}
