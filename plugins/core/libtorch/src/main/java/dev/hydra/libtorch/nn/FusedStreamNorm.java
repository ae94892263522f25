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
 * The residual stream plus what one or two gates let through, and its root mean square norm, by one
 * CUDA kernel each way. Backward keeps the sum, the addends and one number a row, and adds on its
 * way what comes back to the sum.
 */
final class FusedStreamNorm extends CustomFunction {
  private static final KernelSet FORWARD = KernelSet.of(NormUnits.program("stream_norm.cu"));
  private static final KernelSet BACKWARD =
      KernelSet.of(NormUnits.program("stream_norm_backward.cu"), ColumnSums.SOURCE);

  /** Floats a thread and threads a multiprocessor, see {@link FusedNorm}. */
  private static final int FORWARD_FLOATS = 8;

  private static final int FORWARD_THREADS = 1024;
  private static final int BACKWARD_FLOATS = 16;
  private static final int BACKWARD_THREADS = 512;

  private static final int STREAM = 0;
  private static final int WEIGHT = 1;
  private static final int ADDENDS = 2;

  /** What is saved besides addends. */
  private static final int SAVED = 3;

  private final Kernels forward;
  private final Kernels backward;
  private final NormUnits forwardUnits;
  private final NormUnits backwardUnits;
  private final KernelAddends addends;
  private final float epsilon;
  private final int width;
  private final ScalarType type;

  private FusedStreamNorm(
      Kernels forward,
      Kernels backward,
      NormUnits forwardUnits,
      NormUnits backwardUnits,
      List<GatedAddend> addends,
      double epsilon,
      int width,
      ScalarType type) {
    this.forward = forward;
    this.backward = backward;
    this.forwardUnits = forwardUnits;
    this.backwardUnits = backwardUnits;
    this.addends = new KernelAddends(addends);
    this.epsilon = (float) epsilon;
    this.width = width;
    this.type = type;
  }

  /**
   * Computes sum and norm if the inputs are on a CUDA device, of the types and within the limits of
   * the kernels, and they are to be used there; else nothing.
   *
   * @param stream [..., width]
   * @param addends one or two, of one type
   * @param weight float32 [width]
   */
  static Optional<Tensor[]> compute(
      Tensor stream, List<GatedAddend> addends, Tensor weight, double epsilon, ScalarType type) {
    if (!possible(stream, addends, weight, type)) {
      return Optional.empty();
    }
    int width = (int) weight.size(0);
    List<Tensor> accessed = new ArrayList<>(List.of(stream, weight));
    addends.forEach(each -> accessed.add(each.y()));
    int vector = VectorSize.of(type, width, accessed);
    NormUnits forwardUnits = NormUnits.of(width, vector, FORWARD_FLOATS, FORWARD_THREADS);
    NormUnits backwardUnits = NormUnits.of(width, vector, BACKWARD_FLOATS, BACKWARD_THREADS);
    Map<String, Integer> types = types(stream, addends, type);
    List<Tensor> inputs = new ArrayList<>(List.of(stream, weight));
    addends.forEach(each -> inputs.addAll(List.of(each.y(), each.gate())));
    return FORWARD
        .usable(stream, macros(types, forwardUnits))
        .flatMap(
            found ->
                BACKWARD
                    .usable(stream, macros(types, backwardUnits))
                    .map(
                        back ->
                            new FusedStreamNorm(
                                found,
                                back,
                                forwardUnits,
                                backwardUnits,
                                addends,
                                epsilon,
                                width,
                                type)))
        .map(fused -> fused.apply(inputs.toArray(Tensor[]::new)));
  }

  private static boolean possible(
      Tensor stream, List<GatedAddend> addends, Tensor weight, ScalarType type) {
    ScalarType first = addends.isEmpty() ? type : Tensors.type(addends.get(0).y());
    return Rows.wanted(stream)
        && !addends.isEmpty()
        && Rows.isKernelType(Tensors.type(stream))
        && Tensors.type(weight) == ScalarType.Float
        && Rows.isKernelType(type)
        && Rows.isKernelType(first)
        && KernelAddends.possible(addends, first)
        && stream.size(-1) == weight.size(0)
        && Rows.possible(stream, weight.size(0));
  }

  private static Map<String, Integer> types(
      Tensor stream, List<GatedAddend> addends, ScalarType type) {
    Map<String, Integer> macros = new HashMap<>();
    macros.put("ADDENDS", addends.size());
    macros.put("ELEMENT_BF16", Rows.bf16(type));
    macros.put("INPUT_BF16", Rows.bf16(Tensors.type(addends.get(0).y())));
    macros.put("STREAM_BF16", Rows.bf16(Tensors.type(stream)));
    return macros;
  }

  private static Map<String, Integer> macros(Map<String, Integer> types, NormUnits units) {
    Map<String, Integer> macros = new HashMap<>(units.macros());
    macros.putAll(types);
    return macros;
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    int vector = forwardUnits.vector();
    Tensor stream = Rows.fit(vector, inputs[STREAM]);
    Tensor weight = VectorSize.fit(vector, inputs[WEIGHT].contiguous());
    long rows = stream.size(0);
    long[] sizes = Tensors.sizes(inputs[STREAM]);
    Tensor sum = Tensors.empty(stream, Tensors.type(stream), sizes);
    Tensor y = Tensors.empty(stream, type, sizes);
    Tensor inverse = Tensors.empty(stream, ScalarType.Float, rows);
    context.save(sum, inverse, weight);
    List<@Nullable Object> arguments = new ArrayList<>(List.of(strided(stream)));
    addends.forward(arguments, context, vector, inputs, ADDENDS);
    arguments.addAll(List.of(weight, epsilon, sum, y, inverse, rows, width));
    Kernel kernel = forward.get("stream_norm_forward");
    kernel.launch(forwardUnits.grid(kernel, rows, 1), arguments.toArray());
    return new Tensor[] {sum, y};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor sum = context.saved(0);
    Tensor weight = context.saved(2);
    long[] sizes = Tensors.sizes(sum);
    long rows = sum.numel() / width;
    @Nullable Tensor after = arrived(gradients, 0);
    @Nullable Tensor dy = arrived(gradients, 1);
    Tensor dSum = Tensors.empty(sum, Tensors.type(sum), sizes);
    Kernel kernel = backward.get("stream_norm_backward");
    Grid grid = backwardUnits.grid(kernel, rows, 1);
    int apart = KernelAddends.APART;
    int gates = (width + apart - 1) / apart * apart;
    int pitch = gates + apart * addends.count();
    Tensor partials = Tensors.empty(sum, ScalarType.Float, grid.x(), pitch);
    List<@Nullable Object> arguments = new ArrayList<>();
    arguments.add(dy);
    arguments.add(Rows.stride(dy));
    arguments.add(sum);
    arguments.add(context.saved(1));
    arguments.add(after);
    arguments.add(Rows.stride(after));
    arguments.add(weight);
    addends.backward(arguments, context, SAVED);
    @Nullable Tensor[] dAddends = addends.room(context, SAVED, sizes);
    arguments.add(dSum);
    arguments.add(dAddends[0]);
    arguments.add(dAddends[1]);
    arguments.addAll(List.of(partials, pitch, rows, width));
    kernel.launch(grid, arguments.toArray());
    gradients.give(STREAM, dSum);
    Tensor sums = ColumnSums.of(backward, partials, ScalarType.Float);
    gradients.give(WEIGHT, sums.narrow(0, 0, width));
    addends.give(gradients, ADDENDS, dAddends, sums, gates);
  }

  /** The gradient of an output in rows fit for the kernel; null if none arrived. */
  private @Nullable Tensor arrived(Gradients gradients, int output) {
    return gradients.arrived(output)
        ? Rows.fit(backwardUnits.vector(), gradients.of(output))
        : null;
  }
}
