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
 * The residual stream plus what gates let through, the last of them one of each token, and its root
 * mean square norm, by one CUDA kernel each way. Backward keeps the sum, what was added, what the
 * last gate read and two numbers a row, and adds on its way what comes back to the sum.
 */
final class FusedTokenGateNorm extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          NormUnits.program("token_gate_norm.cu"),
          NormUnits.program("token_gate_norm_backward.cu"),
          ColumnSums.SOURCE);

  /** Floats a thread and threads a multiprocessor: more leave backward too few registers. */
  private static final int FLOATS = 8;

  private static final int THREADS = 512;

  private static final int STREAM = 0;
  private static final int WEIGHT = 1;
  private static final int X = 2;
  private static final int GATE_WEIGHT = 3;
  private static final int GATE_BIAS = 4;
  private static final int VALUE = 5;
  private static final int ADDENDS = 6;

  /** What is saved besides addends. */
  private static final int SAVED = 7;

  private final Kernels kernels;
  private final NormUnits units;
  private final KernelAddends addends;
  private final float scale;
  private final float epsilon;
  private final int width;
  private final Optional<GradientSum> shared;

  private FusedTokenGateNorm(
      Kernels kernels,
      NormUnits units,
      List<GatedAddend> addends,
      TokenGatedAddend last,
      double epsilon) {
    this.kernels = kernels;
    this.units = units;
    this.addends = new KernelAddends(addends);
    scale = (float) last.scale();
    this.epsilon = (float) epsilon;
    width = (int) last.x().size(-1);
    shared = GradientSum.behind(last.x());
  }

  /**
   * Computes sum and norm if the inputs are on a CUDA device, of the types and within the limits of
   * the kernels, and they are to be used there; else nothing. Tells {@code last} its gates.
   *
   * @param stream [..., width]
   * @param addends up to two that are added first, in the type of the norm
   * @param last in the type of the norm, its gate's weights in float32
   * @param weight float32 [width]
   */
  static Optional<Tensor[]> compute(
      Tensor stream,
      List<GatedAddend> addends,
      TokenGatedAddend last,
      Tensor weight,
      double epsilon,
      ScalarType type) {
    if (!possible(stream, addends, last, weight, type)) {
      return Optional.empty();
    }
    List<Tensor> accessed =
        new ArrayList<>(List.of(stream, weight, last.x(), last.weight(), last.value()));
    addends.forEach(each -> accessed.add(each.y()));
    long width = weight.size(0);
    NormUnits units = NormUnits.of(width, VectorSize.of(type, width, accessed), FLOATS, THREADS);
    if (units.threads() > THREADS) {
      return Optional.empty();
    }
    Map<String, Integer> macros = new HashMap<>(units.macros());
    macros.put("ADDENDS", addends.size());
    macros.put("ELEMENT_BF16", Rows.bf16(type));
    macros.put("STREAM_BF16", Rows.bf16(Tensors.type(stream)));
    List<Tensor> inputs =
        new ArrayList<>(
            List.of(stream, weight, last.x(), last.weight(), last.bias(), last.value()));
    addends.forEach(each -> inputs.addAll(List.of(each.y(), each.gate())));
    Optional<Tensor[]> found =
        KERNELS
            .usable(stream, macros)
            .map(kernels -> new FusedTokenGateNorm(kernels, units, addends, last, epsilon))
            .map(fused -> fused.apply(inputs.toArray(Tensor[]::new)));
    found.ifPresent(outputs -> last.gates().accept(outputs[2].detach()));
    return found;
  }

  private static boolean possible(
      Tensor stream,
      List<GatedAddend> addends,
      TokenGatedAddend last,
      Tensor weight,
      ScalarType type) {
    return Rows.wanted(stream)
        && Rows.isKernelType(Tensors.type(stream))
        && Rows.isKernelType(type)
        && KernelAddends.possible(addends, type)
        && Tensors.type(last.x()) == type
        && Tensors.type(last.value()) == type
        && Tensors.type(last.weight()) == ScalarType.Float
        && Tensors.type(last.bias()) == ScalarType.Float
        && Tensors.type(weight) == ScalarType.Float
        && stream.size(-1) == weight.size(0)
        && Rows.possible(stream, weight.size(0));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    int vector = units.vector();
    Tensor stream = Rows.fit(vector, inputs[STREAM]);
    Tensor weight = VectorSize.fit(vector, inputs[WEIGHT].contiguous());
    Tensor x = Rows.fit(vector, inputs[X]);
    Tensor gateWeight = Rows.fit(vector, inputs[GATE_WEIGHT]);
    Tensor value = Rows.fit(vector, inputs[VALUE]);
    long rows = stream.size(0);
    long[] sizes = Tensors.sizes(inputs[STREAM]);
    Tensor sum = Tensors.empty(stream, Tensors.type(stream), sizes);
    Tensor y = Tensors.empty(stream, Tensors.type(value), sizes);
    Tensor inverse = Tensors.empty(stream, ScalarType.Float, rows);
    sizes[sizes.length - 1] = 1;
    Tensor gates = Tensors.empty(stream, ScalarType.Float, sizes);
    context.save(sum, inverse, weight, x, gateWeight, value, gates);
    List<@Nullable Object> arguments = new ArrayList<>(List.of(strided(stream)));
    addends.forward(arguments, context, vector, inputs, ADDENDS);
    arguments.addAll(
        List.of(strided(x), gateWeight, inputs[GATE_BIAS], strided(value), scale, weight, epsilon));
    arguments.addAll(List.of(sum, y, gates, inverse, rows, width));
    Kernel kernel = kernels.get("token_gate_norm_forward");
    kernel.launch(units.grid(kernel, rows, 1), arguments.toArray());
    return new Tensor[] {sum, y, gates};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor sum = context.saved(0);
    Tensor x = context.saved(3);
    Tensor value = context.saved(5);
    long[] sizes = Tensors.sizes(sum);
    long rows = sum.numel() / width;
    @Nullable Tensor after = arrived(gradients, 0);
    @Nullable Tensor dy = arrived(gradients, 1);
    Tensor dSum = Tensors.empty(sum, Tensors.type(sum), sizes);
    GradientSum.Room dx = GradientSum.room(shared, x);
    Tensor dValue = Tensors.empty(sum, Tensors.type(value), sizes);
    @Nullable Tensor[] dAddends = addends.room(context, SAVED, sizes);
    Kernel kernel = kernels.get("token_gate_norm_backward");
    Grid grid = units.grid(kernel, rows, 1);
    int apart = KernelAddends.APART;
    int part = (width + apart - 1) / apart * apart;
    int pitch = 2 * part + apart * (1 + addends.count());
    Tensor partials = Tensors.empty(sum, ScalarType.Float, grid.x(), pitch);
    List<@Nullable Object> arguments = new ArrayList<>();
    arguments.add(dy);
    arguments.add(Rows.stride(dy));
    arguments.addAll(List.of(sum, context.saved(1)));
    arguments.add(after);
    arguments.add(Rows.stride(after));
    arguments.add(context.saved(2));
    addends.backward(arguments, context, SAVED);
    arguments.addAll(List.of(strided(x), context.saved(4), strided(value), scale));
    arguments.addAll(List.of(context.saved(6), dSum));
    arguments.add(dAddends[0]);
    arguments.add(dAddends[1]);
    arguments.addAll(List.of(dx.tensor(), dx.adds() ? 1 : 0, dValue, partials, rows, width));
    kernel.launch(grid, arguments.toArray());
    gradients.give(STREAM, dSum);
    dx.give(gradients, X);
    gradients.give(VALUE, dValue);
    Tensor sums = ColumnSums.of(kernels, partials, ScalarType.Float);
    if (dy != null) {
      gradients.give(WEIGHT, sums.narrow(0, 0, width));
    }
    gradients.give(GATE_WEIGHT, sums.narrow(0, part, width).view(1, -1));
    gradients.give(GATE_BIAS, sums.narrow(0, 2L * part, 1));
    addends.give(gradients, ADDENDS, dAddends, sums, 2L * part + apart);
  }

  /** The gradient of an output in rows fit for the kernel; null if none arrived. */
  private @Nullable Tensor arrived(Gradients gradients, int output) {
    return gradients.arrived(output) ? Rows.fit(units.vector(), gradients.of(output)) : null;
  }
}
