package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel;
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
 * The residual stream plus what a gate of one number lets through, {@code stream + scale * gate *
 * y}, by CUDA kernels. LibTorch's operators for it are an upcast, one or two products and a sum.
 */
public final class FusedGatedSum extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedGatedSum.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "gated_sum.cu"),
          ColumnSums.SOURCE);

  /** Threads of a block, as the program says. */
  private static final int THREADS = 256;

  private static final int STREAM = 0;
  private static final int Y = 1;
  private static final int GATE = 2;

  private final Kernels kernels;
  private final int vector;
  private final float scale;

  private FusedGatedSum(Kernels kernels, int vector, double scale) {
    this.kernels = kernels;
    this.vector = vector;
    this.scale = (float) scale;
  }

  /**
   * Computes the sum if the inputs are on a CUDA device, of the types of the kernels, and they are
   * to be used there ({@link dev.hydra.libtorch.kernels.KernelMode}); else nothing.
   *
   * @param stream of any shape
   * @param y of the same shape
   * @param gate float32 [1]
   * @param scale a fixed factor
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  public static Optional<Tensor> compute(Tensor stream, Tensor y, Tensor gate, double scale) {
    ScalarType streamType = Tensors.type(stream);
    ScalarType type = Tensors.type(y);
    if (!Rows.wanted(stream)
        || !Rows.isKernelType(streamType)
        || !Rows.isKernelType(type)
        || Tensors.type(gate) != ScalarType.Float
        || stream.numel() == 0) {
      return Optional.empty();
    }
    // All is contiguous in the kernels, or copied to be. Of the width, not of all elements: so the
    // number of tokens does not decide what is compiled.
    int vector = VectorSize.of(type, y.size(-1), List.of());
    Map<String, Integer> macros =
        Map.of(
            "ELEMENT_BF16", Rows.bf16(type),
            "STREAM_BF16", Rows.bf16(streamType),
            "VECTOR", vector);
    return KERNELS
        .usable(stream, macros)
        .map(kernels -> new FusedGatedSum(kernels, vector, scale).apply(stream, y, gate)[0]);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor stream = whole(inputs[STREAM]);
    Tensor y = whole(inputs[Y]);
    context.save(y, inputs[GATE]);
    Tensor sum = Tensors.empty(stream, Tensors.type(stream), Tensors.sizes(stream));
    long vectors = y.numel() / vector;
    kernels
        .get("gated_sum_forward")
        .launch(Grid.of(blocks(vectors), THREADS), stream, y, inputs[GATE], scale, sum, vectors);
    return new Tensor[] {sum};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor dSum = whole(gradients.of(0));
    Tensor y = context.saved(0);
    Tensor dy = Tensors.empty(y, Tensors.type(y), Tensors.sizes(y));
    long vectors = y.numel() / vector;
    Kernel kernel = kernels.get("gated_sum_backward");
    long blocks = Math.min(blocks(vectors), kernel.blocksAtOnce(THREADS));
    Tensor partials = Tensors.empty(y, ScalarType.Float, blocks, 1);
    kernel.launch(
        Grid.of(blocks, THREADS), dSum, y, context.saved(1), scale, dy, partials, vectors);
    gradients.give(STREAM, dSum);
    gradients.give(Y, dy);
    gradients.give(GATE, ColumnSums.of(kernels, partials, ScalarType.Float));
  }

  private static long blocks(long vectors) {
    return (vectors + THREADS - 1) / THREADS;
  }

  /** The tensor itself if it is contiguous and begins where 16 bytes can be accessed. */
  private Tensor whole(Tensor tensor) {
    Tensor contiguous = tensor.contiguous();
    return VectorSize.fits(vector, contiguous.view(1, -1)) ? contiguous : contiguous.clone();
  }
}
