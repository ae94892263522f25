package dev.hydra.libtorch.nn;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A root mean square norm and the gate {@code silu(z)}, in either order, by CUDA kernels. Its twin
 * is {@link GatedNormInput#plain}. Backward keeps the inputs and one number a unit.
 */
final class FusedGatedNorm extends RecomputedFunction {
  private static final KernelSet FORWARD = KernelSet.of(NormUnits.program("gated_norm.cu"));
  private static final KernelSet BACKWARD =
      KernelSet.of(NormUnits.program("gated_norm_backward.cu"), ColumnSums.SOURCE);

  /** Floats a thread and threads a multiprocessor that were fastest. */
  private static final int FLOATS = 8;

  private static final int FORWARD_THREADS = 1024;
  private static final int BACKWARD_THREADS = 512;

  private static final int X = 0;
  private static final int Z = 1;
  private static final int WEIGHT = 2;

  private final Kernels forward;
  private final Kernels backward;
  private final NormUnits forwardUnits;
  private final NormUnits backwardUnits;
  private final float epsilon;
  private final int width;
  private final int groups;
  private final boolean own;

  private FusedGatedNorm(Kernels forward, Kernels backward, int vector, NormInput in) {
    this.forward = forward;
    this.backward = backward;
    forwardUnits = forwardUnits(in, vector);
    backwardUnits = backwardUnits(in, vector);
    epsilon = (float) in.epsilon();
    width = (int) in.width();
    groups = (int) in.groups();
    own = in.ownWeights();
  }

  private static NormUnits forwardUnits(NormInput in, int vector) {
    return NormUnits.of(in.width(), vector, FLOATS, FORWARD_THREADS);
  }

  private static NormUnits backwardUnits(NormInput in, int vector) {
    return NormUnits.of(in.width(), vector, FLOATS, BACKWARD_THREADS);
  }

  /**
   * Chooses: gives the fused path if the inputs are on a CUDA device, of the types and within the
   * limits of the kernels, and they are to be used there ({@link
   * dev.hydra.libtorch.kernels.KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<FusedGatedNorm> of(GatedNormInput in) {
    NormInput norm = in.norm();
    Tensor x = norm.x();
    if (!Rows.wanted(x) || !possible(in)) {
      return Optional.empty();
    }
    int vector =
        VectorSize.of(norm.type(), norm.width(), List.of(x, in.z(), norm.weight().orElseThrow()));
    Optional<Kernels> found = FORWARD.usable(x, macros(in, forwardUnits(norm, vector)));
    Optional<Kernels> back = BACKWARD.usable(x, macros(in, backwardUnits(norm, vector)));
    return found.isEmpty() || back.isEmpty()
        ? Optional.empty()
        : Optional.of(new FusedGatedNorm(found.get(), back.get(), vector, norm));
  }

  private static boolean possible(GatedNormInput in) {
    ScalarType type = Tensors.type(in.norm().x());
    return Rows.isKernelType(type)
        && type == in.norm().type()
        && type == Tensors.type(in.z())
        && in.norm().weight().map(w -> Rows.isKernelType(Tensors.type(w))).orElse(false)
        && Rows.possible(in.norm().x(), in.norm().width());
  }

  private static Map<String, Integer> macros(GatedNormInput in, NormUnits units) {
    Map<String, Integer> macros = new HashMap<>(units.macros());
    macros.put("ELEMENT_BF16", Rows.bf16(in.norm().type()));
    macros.put("WEIGHT_BF16", Rows.bf16(Tensors.type(in.norm().weight().orElseThrow())));
    macros.put("NORM_FIRST", in.normFirst() ? 1 : 0);
    return macros;
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor x = Rows.of(inputs[X]);
    Tensor z = Rows.of(inputs[Z]);
    Tensor weight = inputs[WEIGHT].contiguous();
    long rows = x.size(0);
    Tensor y = Tensors.empty(x, Tensors.type(x), Tensors.sizes(inputs[X]));
    Tensor inverse = Tensors.empty(x, ScalarType.Float, rows, groups);
    Kernel kernel = forward.get("gated_norm_forward");
    kernel.launch(
        forwardUnits.grid(kernel, rows, groups),
        strided(x),
        strided(z),
        weight,
        weightStride(),
        epsilon,
        y,
        x.size(1),
        inverse,
        rows,
        groups,
        width);
    context.save(x, z, weight, inverse);
    return new Tensor[] {y};
  }

  @Override
  Optional<Tensor> backward(Context context, Tensor arrived, Gradients gradients, boolean again) {
    Tensor x = context.saved(X);
    Tensor z = context.saved(Z);
    Tensor weight = context.saved(WEIGHT);
    long rows = x.size(0);
    long channels = x.size(1);
    Tensor dy = Rows.fit(backwardUnits.vector(), arrived.reshape(rows, channels));
    @Nullable Tensor y = again ? Tensors.empty(x, Tensors.type(x), rows, channels) : null;
    Tensor dx = Split.room(x);
    Tensor dz = Split.room(z);
    Kernel kernel = backward.get("gated_norm_backward");
    Grid grid = backwardUnits.grid(kernel, rows, groups);
    @Nullable Tensor partials =
        context.needsGrad(WEIGHT) ? Tensors.empty(x, ScalarType.Float, grid.x(), channels) : null;
    kernel.launch(
        grid,
        strided(dy),
        strided(x),
        strided(z),
        context.saved(3),
        weight,
        weightStride(),
        strided(dx),
        strided(dz),
        y,
        channels,
        partials,
        rows,
        groups,
        width);
    gradients.give(X, dx.view(gradients.sizes(X)));
    gradients.give(Z, dz.view(gradients.sizes(Z)));
    if (partials != null) {
      Tensor perWeight = own ? partials : partials.view(-1, width);
      gradients.give(WEIGHT, ColumnSums.of(backward, perWeight, Tensors.type(weight)));
    }
    return Optional.ofNullable(y);
  }

  /** From the weights of a group to those of the next. */
  private long weightStride() {
    return own ? width : 0;
  }
}
