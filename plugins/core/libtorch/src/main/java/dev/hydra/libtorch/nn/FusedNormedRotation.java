package dev.hydra.libtorch.nn;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The norm of queries or keys and their rotary positions in one CUDA kernel each way. Its twin is
 * in {@link Rotation}. Backward keeps the input, one number a head of a token, and the angles.
 */
final class FusedNormedRotation extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedNormedRotation.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "reductions.cu",
              "normed_rotation.cu"),
          ColumnSums.SOURCE);

  /** Rounds of blocks; backward leaves a sum a block, so that it has fewer. */
  private static final int FORWARD_TIMES = 16;

  private static final int BACKWARD_TIMES = 1;

  private final Kernels kernels;
  private final RotationUnits units;
  private final float epsilon;
  private final ScalarType type;

  private FusedNormedRotation(
      Kernels kernels, RotationUnits units, double epsilon, ScalarType type) {
    this.kernels = kernels;
    this.units = units;
    this.epsilon = (float) epsilon;
    this.type = type;
  }

  /**
   * Chooses: gives the fused path if the inputs are on a CUDA device, of the types and within the
   * limits of the kernels, and they are to be used there ({@link
   * dev.hydra.libtorch.kernels.KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<FusedNormedRotation> of(
      Rotation angles, Tensor x, Tensor weight, double epsilon, ScalarType type) {
    if (!Rows.wanted(x)
        || !List.of(Tensors.type(x), Tensors.type(weight), type).stream()
            .allMatch(Rows::isKernelType)
        || Tensors.type(angles.cos()) != ScalarType.Float
        || weight.size(0) != x.size(3)
        || x.numel() == 0) {
      return Optional.empty();
    }
    RotationUnits units = RotationUnits.of(x, weight, angles.cos().size(3), type);
    return units.possible()
        ? KERNELS
            .usable(x, units.macros(x, weight, type))
            .map(kernels -> new FusedNormedRotation(kernels, units, epsilon, type))
        : Optional.empty();
  }

  /** Computes [batch, time, heads, headDim] of the inputs that it was chosen for. */
  Tensor compute(Rotation angles, Tensor x, Tensor weight) {
    return apply(x, weight, angles.cos(), angles.sin())[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor x = VectorSize.fit(units.vector(), inputs[0]);
    Tensor weight = inputs[1].contiguous();
    Tensor cos = inputs[2].contiguous();
    Tensor sin = inputs[3].contiguous();
    Tensor y = Tensors.empty(x, type, Tensors.sizes(x));
    long rows = x.numel() / x.size(3);
    Tensor inverse = Tensors.empty(x, ScalarType.Float, rows);
    Kernel kernel = kernels.get("normed_rotation_forward");
    kernel.launch(
        units.grid(kernel, rows, FORWARD_TIMES),
        strided(x),
        weight,
        epsilon,
        cos,
        sin,
        between(cos),
        y,
        inverse,
        rows,
        (int) x.size(1),
        (int) x.size(2),
        (int) x.size(3),
        (int) cos.size(3));
    context.save(x, weight, cos, sin, inverse);
    return new Tensor[] {y};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor x = context.saved(0);
    Tensor weight = context.saved(1);
    Tensor cos = context.saved(2);
    Tensor dy = VectorSize.fit(units.vector(), gradients.of(0));
    long rows = x.numel() / x.size(3);
    Kernel kernel = kernels.get("normed_rotation_backward");
    Grid grid = units.grid(kernel, rows, BACKWARD_TIMES);
    Tensor dx = Split.room(x);
    @Nullable Tensor partials =
        context.needsGrad(1)
            ? Tensors.empty(x, ScalarType.Float, grid.x(), 2L * units.pairs())
            : null;
    kernel.launch(
        grid,
        strided(dy),
        strided(x),
        context.saved(4),
        weight,
        cos,
        context.saved(3),
        between(cos),
        strided(dx),
        partials,
        rows,
        (int) x.size(1),
        (int) x.size(2),
        (int) x.size(3),
        (int) cos.size(3));
    gradients.give(0, dx);
    if (partials != null) {
      Tensor sums = ColumnSums.of(kernels, partials, Tensors.type(weight));
      long half = cos.size(3);
      gradients.give(
          1,
          Tensors.cat(0, sums.narrow(0, 0, half), sums.narrow(0, units.pairs(), x.size(3) - half)));
    }
  }

  /** Elements from the angles of one sequence to those of the next, 0 if all have the same. */
  private static long between(Tensor angles) {
    return angles.size(0) == 1 ? 0 : angles.stride(0);
  }
}
