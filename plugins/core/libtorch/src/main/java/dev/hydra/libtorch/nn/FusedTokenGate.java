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
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * What a learned gate of each token lets through, {@code scale * sigmoid(w . x + b) * value}, or
 * the residual stream plus that, by CUDA kernels. LibTorch's operators for it are a product of a
 * matrix and a vector, a sigmoid, one to three products and sums over whole tensors. Backward keeps
 * the inputs and one number a token.
 */
public final class FusedTokenGate extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(NormUnits.program("token_gate.cu"), ColumnSums.SOURCE);

  /** Floats a thread and threads a multiprocessor. */
  private static final int FLOATS = 8;

  private static final int THREADS = 1024;

  private static final int X = 0;
  private static final int WEIGHT = 1;
  private static final int BIAS = 2;
  private static final int VALUE = 3;
  private static final int STREAM = 4;

  private final Kernels kernels;
  private final NormUnits units;
  private final float scale;
  private final int width;
  private final boolean summed;
  private final List<GatedAddend> before;
  private final Optional<GradientSum> shared;

  /**
   * What is let through.
   *
   * @param values of the shape of the value
   * @param gates [..., 1], for those who observe it; the kernels give it no gradient
   */
  public record Gated(Tensor values, Tensor gates) {}

  private FusedTokenGate(
      Kernels kernels,
      NormUnits units,
      double scale,
      int width,
      boolean summed,
      List<GatedAddend> before,
      Optional<GradientSum> shared) {
    this.kernels = kernels;
    this.units = units;
    this.scale = (float) scale;
    this.width = width;
    this.summed = summed;
    this.before = before;
    this.shared = shared;
  }

  /**
   * Computes it if the inputs are on a CUDA device, of the types and within the limits of the
   * kernels, and they are to be used there ({@link dev.hydra.libtorch.kernels.KernelMode}); else
   * nothing.
   *
   * @param x [..., width], what the gate reads
   * @param weight [1, width]
   * @param bias [1], of the same type
   * @param value [..., width]
   * @param scale a fixed factor
   * @param stream what it is added to, of the same shape, whose type the result has; without it the
   *     result has the type of the value
   * @param before what other gates let through, added to the stream first, in this order: in the
   *     same pass where no gradients are recorded, for which there are no kernels
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  public static Optional<Gated> compute(
      Tensor x,
      Tensor weight,
      Tensor bias,
      Tensor value,
      double scale,
      @Nullable Tensor stream,
      List<GatedAddend> before) {
    Tensor base = stream == null ? value : stream;
    if (!possible(x, weight, bias, value, base)) {
      return Optional.empty();
    }
    if (stream != null && !isOnePass(before, value)) {
      Tensor sum = stream;
      for (GatedAddend each : before) {
        sum = each.addTo(sum);
      }
      return compute(x, weight, bias, value, scale, sum, List.of());
    }
    long width = x.size(-1);
    List<Tensor> accessed = new ArrayList<>(List.of(x, weight, value, base));
    before.forEach(each -> accessed.add(each.y()));
    int vector = VectorSize.of(Tensors.type(value), width, accessed);
    NormUnits units = NormUnits.of(width, vector, FLOATS, THREADS);
    Map<String, Integer> macros = new HashMap<>(units.macros());
    macros.put("ELEMENT_BF16", Rows.bf16(Tensors.type(value)));
    macros.put("INPUT_BF16", Rows.bf16(Tensors.type(x)));
    macros.put("STREAM_BF16", Rows.bf16(Tensors.type(base)));
    macros.put("WEIGHT_BF16", Rows.bf16(Tensors.type(weight)));
    macros.put("ADDENDS", before.size());
    List<Tensor> inputs = new ArrayList<>(List.of(x, weight, bias, value));
    if (stream != null) {
      inputs.add(stream);
    }
    return KERNELS
        .usable(x, macros)
        .map(
            kernels ->
                new FusedTokenGate(
                    kernels,
                    units,
                    scale,
                    (int) width,
                    stream != null,
                    before,
                    GradientSum.behind(x)))
        .map(fused -> fused.apply(inputs.toArray(Tensor[]::new)))
        .map(outputs -> new Gated(outputs[0], outputs[1].detach()));
  }

  /** Whether what is added first can be added in the same pass. */
  private static boolean isOnePass(List<GatedAddend> before, Tensor value) {
    return before.isEmpty()
        || (!GradMode.is_enabled() && KernelAddends.possible(before, Tensors.type(value)));
  }

  /** Says whether there are kernels for it, and they are to be used. */
  static boolean possible(Tensor x, Tensor weight, Tensor bias, Tensor value, Tensor base) {
    return Rows.wanted(x)
        && Rows.isKernelType(Tensors.type(x))
        && Rows.isKernelType(Tensors.type(weight))
        && Rows.isKernelType(Tensors.type(value))
        && Rows.isKernelType(Tensors.type(base))
        && Tensors.type(weight) == Tensors.type(bias)
        && Rows.possible(x, x.size(-1));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor x = rows(inputs[X]);
    Tensor weight = rows(inputs[WEIGHT]);
    Tensor value = rows(inputs[VALUE]);
    @Nullable Tensor base = summed ? rows(inputs[STREAM]) : null;
    long rows = x.size(0);
    long[] sizes = Tensors.sizes(inputs[X]);
    Tensor out = Tensors.empty(x, Tensors.type(base == null ? value : base), sizes);
    sizes[sizes.length - 1] = 1;
    Tensor gates = Tensors.empty(x, ScalarType.Float, sizes);
    Kernel kernel = kernels.get("token_gate_forward");
    List<@Nullable Object> arguments =
        new ArrayList<>(List.of(strided(x), weight, inputs[BIAS], strided(value), scale));
    arguments.add(base);
    arguments.add(Rows.stride(base));
    for (int i = 0; i < KernelAddends.MOST; i++) {
      boolean some = i < before.size();
      @Nullable Tensor addend = some ? rows(before.get(i).y()) : null;
      arguments.add(addend);
      arguments.add(Rows.stride(addend));
      arguments.add(some ? before.get(i).gate() : null);
      arguments.add(some ? (float) before.get(i).scale() : 0f);
    }
    arguments.addAll(List.of(out, gates, rows, width));
    kernel.launch(units.grid(kernel, rows, 1), arguments.toArray());
    context.save(x, weight, value, gates);
    return new Tensor[] {out, gates};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor arrived = gradients.of(0);
    Tensor dOut = rows(arrived);
    Tensor x = context.saved(0);
    Tensor weight = context.saved(1);
    Tensor value = context.saved(2);
    long rows = x.size(0);
    long[] sizes = Tensors.sizes(arrived);
    GradientSum.Room dx = GradientSum.room(shared, x);
    Tensor dValue = Tensors.empty(x, Tensors.type(value), sizes);
    Kernel kernel = kernels.get("token_gate_backward");
    Grid grid = units.grid(kernel, rows, 1);
    Tensor partials = Tensors.empty(x, ScalarType.Float, grid.x(), width + units.vector());
    kernel.launch(
        grid,
        strided(dOut),
        strided(x),
        weight,
        strided(value),
        scale,
        context.saved(3),
        dx.tensor(),
        dx.adds() ? 1 : 0,
        dValue,
        partials,
        rows,
        width);
    dx.give(gradients, X);
    gradients.give(VALUE, dValue);
    Tensor sums = ColumnSums.of(kernels, partials, Tensors.type(weight));
    gradients.give(WEIGHT, sums.narrow(0, 0, width).view(1, -1));
    // A gradient begins where 16 bytes can be accessed, which the end of a row need not.
    gradients.give(BIAS, VectorSize.fit(KernelAddends.APART, sums.narrow(0, width, 1)));
    if (summed) {
      gradients.give(STREAM, arrived);
    }
  }

  private Tensor rows(Tensor tensor) {
    return Rows.fit(units.vector(), tensor);
  }
}
