package dev.hydra.libtorch.nn;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The root mean square norm, of x or of its sum with the residual stream, by CUDA kernels. Its twin
 * is in {@link NormInput}. Backward keeps the sum and one number a unit, and adds on its way what
 * comes back to the sum.
 */
final class FusedNorm extends CustomFunction {
  private static final KernelSet FORWARD = KernelSet.of(NormUnits.program("rms_norm.cu"));
  private static final KernelSet BACKWARD =
      KernelSet.of(NormUnits.program("rms_norm_backward.cu"), ColumnSums.SOURCE);

  /** Floats a thread and threads a multiprocessor that were fastest. */
  private static final int FORWARD_FLOATS = 8;

  private static final int FORWARD_THREADS = 1024;
  private static final int BACKWARD_FLOATS = 16;
  private static final int BACKWARD_THREADS = 512;

  private final Kernels forward;
  private final Kernels backward;
  private final NormUnits forwardUnits;
  private final NormUnits backwardUnits;
  private final ScalarType inputType;
  private final ScalarType type;
  private final float factor;
  private final float epsilon;
  private final int width;
  private final int groups;
  private final boolean own;
  private final boolean summed;
  private final boolean streamed;
  private final boolean weighted;

  private FusedNorm(
      Kernels forward,
      Kernels backward,
      NormUnits forwardUnits,
      NormUnits backwardUnits,
      NormInput in,
      boolean streamed) {
    this.forward = forward;
    this.backward = backward;
    this.forwardUnits = forwardUnits;
    this.backwardUnits = backwardUnits;
    inputType = Tensors.type(in.x());
    type = in.type();
    factor = (float) in.factor();
    epsilon = (float) in.epsilon();
    width = (int) in.width();
    groups = (int) in.groups();
    own = in.ownWeights();
    summed = in.residual().isPresent();
    this.streamed = streamed;
    weighted = in.weight().isPresent();
  }

  /**
   * Chooses: gives the fused path if the inputs are on a CUDA device, of the types and within the
   * limits of the kernels, and they are to be used there ({@link
   * dev.hydra.libtorch.kernels.KernelMode}). What is added to nothing.
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<FusedNorm> of(NormInput in) {
    return of(in, false);
  }

  /** Chooses likewise, of what is in the residual stream and goes on there. */
  static Optional<FusedNorm> ofStream(NormInput in) {
    return of(in, true);
  }

  private static Optional<FusedNorm> of(NormInput in, boolean streamed) {
    if (!Rows.wanted(in.x()) || !possible(in)) {
      return Optional.empty();
    }
    List<Tensor> accessed = new ArrayList<>(List.of(in.x()));
    in.residual().ifPresent(accessed::add);
    in.weight().ifPresent(accessed::add);
    int vector = VectorSize.of(in.type(), in.width(), accessed);
    NormUnits forwardUnits = NormUnits.of(in.width(), vector, FORWARD_FLOATS, FORWARD_THREADS);
    NormUnits backwardUnits = NormUnits.of(in.width(), vector, BACKWARD_FLOATS, BACKWARD_THREADS);
    return FORWARD
        .usable(in.x(), macros(in, forwardUnits))
        .flatMap(
            forward ->
                BACKWARD
                    .usable(in.x(), macros(in, backwardUnits))
                    .map(
                        backward ->
                            new FusedNorm(
                                forward, backward, forwardUnits, backwardUnits, in, streamed)));
  }

  private static boolean possible(NormInput in) {
    return Rows.isKernelType(Tensors.type(in.x()))
        && Rows.isKernelType(in.type())
        && in.weight().map(w -> Rows.isKernelType(Tensors.type(w))).orElse(true)
        && in.residual().map(r -> Rows.isKernelType(Tensors.type(r))).orElse(true)
        && Rows.possible(in.x(), in.width());
  }

  private static Map<String, Integer> macros(NormInput in, NormUnits units) {
    Map<String, Integer> macros = new HashMap<>(units.macros());
    macros.put("ELEMENT_BF16", Rows.bf16(in.type()));
    macros.put("INPUT_BF16", Rows.bf16(Tensors.type(in.x())));
    macros.put("STREAM_BF16", Rows.bf16(Tensors.type(in.residual().orElse(in.x()))));
    macros.put("WEIGHT_BF16", in.weight().map(w -> Rows.bf16(Tensors.type(w))).orElse(0));
    macros.put("RESIDUAL", in.residual().isPresent() ? 1 : 0);
    return macros;
  }

  /**
   * Computes the norm; before it, of the stream, the sum, which is x if that is added to nothing.
   *
   * @param in the input that it was chosen for
   */
  Tensor[] compute(NormInput in) {
    List<Tensor> inputs = new ArrayList<>(List.of(in.x()));
    in.residual().ifPresent(inputs::add);
    in.weight().ifPresent(inputs::add);
    return apply(inputs.toArray(Tensor[]::new));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor x = Rows.of(inputs[0]);
    @Nullable Tensor residual = summed ? Rows.of(inputs[1]) : null;
    @Nullable Tensor weight = weighted ? inputs[inputs.length - 1].contiguous() : null;
    long rows = x.size(0);
    long channels = x.size(1);
    long[] sizes = Tensors.sizes(inputs[0]);
    @Nullable Tensor sum =
        residual == null ? null : Tensors.empty(x, Tensors.type(residual), sizes);
    Tensor y = Tensors.empty(x, type, sizes);
    Tensor inverse = Tensors.empty(x, ScalarType.Float, rows, groups);
    Kernel kernel = forward.get("rms_norm_forward");
    kernel.launch(
        forwardUnits.grid(kernel, rows, groups),
        strided(x),
        residual,
        Rows.stride(residual),
        weight,
        own ? (long) width : 0L,
        factor,
        epsilon,
        sum,
        channels,
        y,
        channels,
        inverse,
        rows,
        groups,
        width);
    context.save(sum == null ? x : sum, inverse);
    if (weight != null) {
      context.save(weight);
    }
    List<Tensor> outputs = new ArrayList<>();
    if (streamed) {
      outputs.add(sum == null ? inputs[0] : sum);
    }
    outputs.add(y);
    return outputs.toArray(Tensor[]::new);
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor sum = Rows.of(context.saved(0));
    @Nullable Tensor weight = weighted ? context.saved(2) : null;
    int ofNorm = streamed ? 1 : 0;
    @Nullable Tensor after =
        streamed && gradients.arrived(0) ? Rows.fit(backwardUnits.vector(), gradients.of(0)) : null;
    Tensor dy = Rows.fit(backwardUnits.vector(), gradients.of(ofNorm));
    long rows = sum.size(0);
    long channels = sum.size(1);
    long[] sizes = gradients.sizes(0);
    Tensor dSum = Split.room(sum);
    boolean apart = inputType != Tensors.type(sum);
    @Nullable Tensor dx = apart ? Tensors.empty(sum, inputType, sizes) : null;
    Kernel kernel = backward.get("rms_norm_backward");
    Grid grid = backwardUnits.grid(kernel, rows, groups);
    int weightIndex = summed ? 2 : 1;
    @Nullable Tensor partials =
        weight == null || !context.needsGrad(weightIndex)
            ? null
            : Tensors.empty(sum, ScalarType.Float, grid.x(), channels);
    kernel.launch(
        grid,
        strided(dy),
        strided(sum),
        context.saved(1),
        after,
        Rows.stride(after),
        weight,
        own ? (long) width : 0L,
        factor,
        strided(dSum),
        dx,
        channels,
        partials,
        rows,
        groups,
        width);
    gradients.give(0, dx == null ? dSum.view(sizes) : dx);
    if (summed) {
      gradients.give(1, dSum.view(sizes));
    }
    if (weight != null && partials != null) {
      Tensor perWeight = own ? partials : partials.view(-1, width);
      gradients.give(weightIndex, ColumnSums.of(backward, perWeight, Tensors.type(weight)));
    }
  }
}
