package dev.hydra.libtorch.nn;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The causal convolution and SiLU by CUDA kernels. Its twin is {@link ConvFunction}. x may be a
 * part of something wider; nothing but the inputs is kept for backward.
 */
final class FusedConv extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(FusedConv.class, "document_masks.cu"),
          program("conv_window.cu", "causal_conv.cu"),
          program("tensor_cores.cu", "conv_window.cu", "causal_conv_backward.cu"),
          ColumnSums.SOURCE);

  /** Threads of a block, as the programs say. */
  private static final int THREADS = 128;

  private static final int MASK_THREADS = 256;

  private static final int LEAST_TAPS = 2;
  private static final int MOST_TAPS = 4;

  /** More channels a thread are slower. */
  private static final int LARGEST_VECTOR = 4;

  private static final int X = 0;
  private static final int WEIGHT = 1;
  private static final int BIAS = 2;

  private final Kernels kernels;
  private final int vector;
  private final boolean biased;
  private final boolean packed;
  private final boolean continued;

  private FusedConv(Kernels kernels, ConvInput in, int vector) {
    this.kernels = kernels;
    this.vector = vector;
    biased = in.bias().isPresent();
    packed = in.documents().isPresent();
    continued = in.past().isPresent();
  }

  private static KernelSource program(String... files) {
    Stream<String> shared =
        Stream.of("primitives.cu", "dependent_launch.cu", "vectors.cu", "activations.cu");
    return KernelSource.of(
        FusedConv.class, Stream.concat(shared, Stream.of(files)).toArray(String[]::new));
  }

  /**
   * Chooses: gives the fused path if the inputs are on a CUDA device, of the types and within the
   * limits of the kernels, and they are to be used there ({@link
   * dev.hydra.libtorch.kernels.KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<FusedConv> of(ConvInput in) {
    if (!Rows.wanted(in.x()) || !possible(in)) {
      return Optional.empty();
    }
    long channels = in.x().size(2);
    int largest = VectorSize.of(Tensors.type(in.x()), channels, List.of(in.x()));
    int vector = Math.min(LARGEST_VECTOR, largest);
    return KERNELS
        .usable(in.x(), macros(in, vector))
        .map(kernels -> new FusedConv(kernels, in, vector));
  }

  private static boolean possible(ConvInput in) {
    ScalarType type = Tensors.type(in.x());
    ScalarType weights = Tensors.type(in.weight());
    long taps = in.weight().size(2);
    return Rows.isKernelType(type)
        && Rows.isKernelType(weights)
        && in.bias().map(bias -> Tensors.type(bias) == weights).orElse(true)
        && in.past().map(past -> Tensors.type(past) == type).orElse(true)
        && taps >= LEAST_TAPS
        && taps <= MOST_TAPS
        && in.x().numel() > 0
        && ConvStrips.possible(in.x().size(0), in.x().size(1), THREADS);
  }

  private static Map<String, Integer> macros(ConvInput in, int vector) {
    return Map.of(
        "ELEMENT_BF16",
        Rows.bf16(Tensors.type(in.x())),
        "WEIGHT_BF16",
        Rows.bf16(Tensors.type(in.weight())),
        "TAPS",
        (int) in.weight().size(2),
        "VECTOR",
        vector,
        "BIAS",
        in.bias().isPresent() ? 1 : 0,
        "DOCUMENTS",
        in.documents().isPresent() ? 1 : 0,
        "PAST",
        in.past().isPresent() ? 1 : 0);
  }

  /**
   * Makes of documents, int64 [batch, time], what {@link #compute} needs of them: for each token,
   * in bit k, whether the one k before it is of its document. uint8 [batch, time].
   */
  Tensor masks(Tensor documents) {
    Tensor numbers = documents.contiguous();
    Tensor masks = Tensors.empty(numbers, ScalarType.Byte, Tensors.sizes(numbers));
    kernels
        .get("document_masks")
        .launch(
            Kernel.Grid.of((numbers.numel() + MASK_THREADS - 1) / MASK_THREADS, MASK_THREADS),
            numbers,
            masks,
            (int) numbers.size(0),
            (int) numbers.size(1));
    return masks;
  }

  /**
   * Computes [batch, time, channels].
   *
   * @param in the input that it was chosen for
   * @param masks {@link #masks} of the documents, if there are any
   */
  Tensor compute(ConvInput in, Optional<Tensor> masks) {
    List<Tensor> inputs = new ArrayList<>(List.of(in.x(), in.weight()));
    in.bias().ifPresent(inputs::add);
    masks.ifPresent(inputs::add);
    in.past().ifPresent(inputs::add);
    return apply(inputs.toArray(Tensor[]::new))[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor[] fit = inputs.clone();
    fit[X] = VectorSize.hasRows(inputs[X]) ? inputs[X] : inputs[X].contiguous();
    fit[WEIGHT] = inputs[WEIGHT].contiguous();
    if (biased) {
      fit[BIAS] = inputs[BIAS].contiguous();
    }
    context.save(fit);
    Tensor x = fit[X];
    Tensor y = Tensors.empty(x, Tensors.type(x), Tensors.sizes(x));
    Kernel kernel = kernels.get("causal_conv_forward");
    int taps = (int) fit[WEIGHT].size(2);
    ConvStrips strips = strips(x, kernel, taps - 1);
    @Nullable Tensor past = past(fit);
    kernel.launch(
        strips.grid(),
        strided(x),
        fit[WEIGHT],
        bias(fit),
        masks(fit),
        past,
        stride(past, 0),
        stride(past, 1),
        stride(past, 2),
        strided(y),
        (int) x.size(0),
        (int) x.size(1),
        (int) x.size(2),
        strips.tokens());
    return new Tensor[] {y};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] saved = new Tensor[2 + (biased ? 1 : 0) + (packed ? 1 : 0) + (continued ? 1 : 0)];
    for (int i = 0; i < saved.length; i++) {
      saved[i] = context.saved(i);
    }
    Tensor x = saved[X];
    Tensor weight = saved[WEIGHT];
    Tensor dy = VectorSize.fit(vector, gradients.of(0));
    Tensor dx = Split.room(x);
    Kernel kernel = kernels.get("causal_conv_backward");
    int taps = (int) weight.size(2);
    ConvStrips strips = strips(x, kernel, 2 * taps - 2);
    long ofWeight = x.size(2) * taps;
    long ofBias = biased ? x.size(2) : 0;
    Tensor partials = Tensors.empty(x, ScalarType.Float, strips.grid().y(), ofWeight + ofBias);
    @Nullable Tensor past = past(saved);
    kernel.launch(
        strips.grid(),
        strided(dy),
        strided(x),
        weight,
        bias(saved),
        masks(saved),
        past,
        stride(past, 0),
        stride(past, 1),
        stride(past, 2),
        strided(dx),
        partials,
        (int) x.size(0),
        (int) x.size(1),
        (int) x.size(2),
        strips.tokens());
    Tensor sums = ColumnSums.of(kernels, partials, Tensors.type(weight));
    gradients.give(X, dx);
    gradients.give(WEIGHT, sums.narrow(0, 0, ofWeight).view(x.size(2), 1, taps));
    if (biased) {
      gradients.give(BIAS, sums.narrow(0, ofWeight, ofBias));
    }
  }

  private ConvStrips strips(Tensor x, Kernel kernel, int halo) {
    return ConvStrips.of(
        x.size(0), x.size(1), x.size(2), vector, THREADS, kernel.blocksAtOnce(THREADS), halo);
  }

  private @Nullable Tensor bias(Tensor[] inputs) {
    return biased ? inputs[BIAS] : null;
  }

  private @Nullable Tensor masks(Tensor[] inputs) {
    return packed ? inputs[biased ? BIAS + 1 : BIAS] : null;
  }

  private @Nullable Tensor past(Tensor[] inputs) {
    return continued ? inputs[inputs.length - 1] : null;
  }

  private static long stride(@Nullable Tensor tensor, int dim) {
    return tensor == null ? 0 : tensor.stride(dim);
  }
}
