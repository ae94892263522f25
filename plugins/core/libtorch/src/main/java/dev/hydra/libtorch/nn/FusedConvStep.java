package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The causal convolution and SiLU of one more token of each row by a CUDA kernel, which moves the
 * inputs before it on in place. Its twin is what {@link CausalConv} does with any forward.
 *
 * @param kernels its kernel
 */
record FusedConvStep(Kernels kernels) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedConvStep.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "activations.cu",
              "conv_step.cu"));

  /** Threads of a block, as the program says. */
  private static final int THREADS = 128;

  private static final int LEAST_TAPS = 2;
  private static final int MOST_TAPS = 16;

  /**
   * Chooses: gives the fused path on a CUDA device for the types of the kernel, if it is to be used
   * there.
   *
   * @param x [rows, 1, channels]
   * @param weight [channels, 1, kernel]
   * @param past [rows, channels, kernel - 1]
   */
  static Optional<FusedConvStep> of(Tensor x, Tensor weight, Optional<Tensor> bias, Tensor past) {
    ScalarType type = Tensors.type(x);
    ScalarType weights = Tensors.type(weight);
    long taps = weight.size(2);
    if (!Rows.wanted(x)
        || !Rows.isKernelType(type)
        || !Rows.isKernelType(weights)
        || Tensors.type(past) != type
        || bias.map(b -> Tensors.type(b) != weights).orElse(false)
        || taps < LEAST_TAPS
        || taps > MOST_TAPS
        || x.stride(2) != 1
        || !past.is_contiguous()
        || !weight.is_contiguous()
        || x.size(0) > Grid.MOST_ROWS) {
      return Optional.empty();
    }
    Map<String, Integer> macros =
        Map.of(
            "ELEMENT_BF16",
            Rows.bf16(type),
            "WEIGHT_BF16",
            Rows.bf16(weights),
            "TAPS",
            (int) taps,
            "BIAS",
            bias.isPresent() ? 1 : 0);
    return KERNELS.usable(x, macros).map(FusedConvStep::new);
  }

  /** Computes [rows, 1, channels] of the inputs that it was chosen for. */
  Tensor compute(Tensor x, Tensor weight, @Nullable Tensor bias, Tensor past) {
    long rows = x.size(0);
    long channels = x.size(2);
    Tensor y = Tensors.empty(x, Tensors.type(x), rows, 1, channels);
    kernels
        .get("conv_step")
        .launch(
            new Grid((channels + THREADS - 1) / THREADS, rows, 1, THREADS),
            x,
            x.stride(0),
            weight,
            bias,
            past,
            y,
            (int) channels);
    return y;
  }
}
