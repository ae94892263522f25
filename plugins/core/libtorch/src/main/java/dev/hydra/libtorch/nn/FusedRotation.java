package dev.hydra.libtorch.nn;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rotary positions by a CUDA kernel. Its twin is in {@link Rotation}. Backward turns back, and
 * keeps the angles only.
 */
final class FusedRotation extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedRotation.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "rotation.cu"));

  /** Threads of a block, as the program says. */
  private static final int THREADS = 256;

  private final Kernels forward;
  private final Kernels backward;
  private final int vector;
  private final ScalarType inputType;
  private final ScalarType type;

  private FusedRotation(
      Kernels forward, Kernels backward, int vector, ScalarType inputType, ScalarType type) {
    this.forward = forward;
    this.backward = backward;
    this.vector = vector;
    this.inputType = inputType;
    this.type = type;
  }

  /**
   * Chooses: gives the fused path if the inputs are on a CUDA device, of the types and within the
   * limits of the kernel, and it is to be used there ({@link
   * dev.hydra.libtorch.kernels.KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if it cannot be compiled and the mode
   *     insists on it
   */
  static Optional<FusedRotation> of(Rotation angles, Tensor x, ScalarType type) {
    ScalarType inputType = Tensors.type(x);
    if (!Rows.wanted(x)
        || !Rows.isKernelType(inputType)
        || !Rows.isKernelType(type)
        || Tensors.type(angles.cos()) != ScalarType.Float
        || x.numel() == 0) {
      return Optional.empty();
    }
    long half = angles.cos().size(3);
    long beyond = x.size(3) - 2 * half;
    int vector =
        Math.min(
            VectorSize.of(type, half, List.of(x)), VectorSize.of(inputType, beyond, List.of(x)));
    Optional<Kernels> there = KERNELS.usable(x, macros(inputType, type, vector));
    Optional<Kernels> back = KERNELS.usable(x, macros(type, inputType, vector));
    return there.isEmpty() || back.isEmpty()
        ? Optional.empty()
        : Optional.of(new FusedRotation(there.get(), back.get(), vector, inputType, type));
  }

  private static Map<String, Integer> macros(ScalarType from, ScalarType to, int vector) {
    return Map.of("INPUT_BF16", Rows.bf16(from), "ELEMENT_BF16", Rows.bf16(to), "VECTOR", vector);
  }

  /** Computes [batch, time, heads, headDim] of the inputs that it was chosen for. */
  Tensor compute(Rotation angles, Tensor x) {
    return apply(x, angles.cos(), angles.sin())[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor cos = inputs[1].contiguous();
    Tensor sin = inputs[2].contiguous();
    context.save(cos, sin);
    return new Tensor[] {turned(forward, inputs[0], cos, sin, type, 1)};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    gradients.give(
        0, turned(backward, gradients.of(0), context.saved(0), context.saved(1), inputType, -1));
  }

  private Tensor turned(
      Kernels kernels, Tensor given, Tensor cos, Tensor sin, ScalarType result, float sign) {
    Tensor x = VectorSize.fit(vector, given);
    Tensor y = Tensors.empty(x, result, Tensors.sizes(x));
    long half = cos.size(3);
    long dims = x.size(3);
    long threads = x.numel() / dims * ((dims - half) / vector);
    kernels
        .get("rotation")
        .launch(
            Grid.of((threads + THREADS - 1) / THREADS, THREADS),
            strided(x),
            cos,
            sin,
            cos.size(0) == 1 ? 0L : cos.stride(0),
            y,
            threads,
            (int) x.size(1),
            (int) x.size(2),
            (int) dims,
            (int) half,
            sign);
    return y;
  }
}
