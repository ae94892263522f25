package dev.hydra.router.topk;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.api.Pass;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.GradientSum;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The logits that whole sequences of whole chunks are routed by, by a CUDA kernel that reads the
 * hidden states once, and one for both gradients. What a decision is made from depends on one chunk
 * only, so no running sums are needed. Its twin is what {@link ChunkTopKRouter} does elsewhere.
 */
final class FusedChunkLogits extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedChunkLogits.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "chunk_logits.cu"));

  /** Threads of a block, and what its shared memory holds. */
  private static final int THREADS = 512;

  private static final long MOST_WIDTH = 8192;

  /** Of a weight's gradient a block has so many columns of so many experts. */
  private static final int COLUMNS = 32;

  private static final int EXPERTS = 8;

  private static final int X = 0;
  private static final int WEIGHT = 1;

  private final Kernels kernels;
  private final ScalarType type;
  private final int chunk;
  private final boolean own;
  private final Optional<GradientSum> shared;

  private FusedChunkLogits(
      Kernels kernels, ScalarType type, int chunk, boolean own, Optional<GradientSum> shared) {
    this.kernels = kernels;
    this.type = type;
    this.chunk = chunk;
    this.own = own;
    this.shared = shared;
  }

  /**
   * Computes them where the kernels can: whole sequences, without state or documents, of chunks of
   * several tokens, a summary that one chunk gives, and hidden states and float32 weights on a CUDA
   * device. Else gives nothing.
   *
   * @param x [batch, time, width]
   * @param weight [experts, width]
   * @return float32 [batch, time / chunk, experts]
   */
  static Optional<Tensor> compute(Tensor x, Tensor weight, int chunk, Summary summary, Pass pass) {
    if (!x.is_cuda()
        || isInlined()
        || summary == Summary.RUNNING_MEAN
        || pass.cache().isPresent()
        || pass.documents().isPresent()
        || chunk == 1
        || !isPossible(x, weight, chunk)) {
      return Optional.empty();
    }
    Tensor rows = VectorSize.hasRows(x) ? x : x.contiguous();
    Tensor matrix = weight.contiguous();
    ScalarType type = Tensors.type(x);
    int vector = VectorSize.of(type, x.size(2), List.of(rows, matrix));
    return KERNELS
        .usable(x, macros(x, vector))
        .map(
            found ->
                new FusedChunkLogits(
                    found, type, chunk, summary == Summary.FIRST_TOKEN, GradientSum.behind(rows)))
        .map(fused -> fused.apply(rows, matrix)[0]);
  }

  private static boolean isPossible(Tensor x, Tensor weight, int chunk) {
    ScalarType type = Tensors.type(x);
    return (type == ScalarType.BFloat16 || type == ScalarType.Float)
        && Tensors.type(weight) == ScalarType.Float
        && x.numel() > 0
        && x.size(1) % chunk == 0
        && x.size(2) <= MOST_WIDTH;
  }

  private static Map<String, Integer> macros(Tensor x, int vector) {
    int vectors = (int) x.size(2) / vector;
    int items = ceil(vectors, THREADS);
    int lanes = ceil(vectors, items);
    return Map.of(
        "VECTOR", vector,
        "LANES", lanes,
        "ITEMS", items,
        "PARTS", THREADS / lanes,
        "ELEMENT_BF16", Tensors.type(x) == ScalarType.BFloat16 ? 1 : 0);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor x = inputs[X];
    Tensor weight = inputs[WEIGHT];
    long chunks = x.size(1) / chunk;
    long width = x.size(2);
    long experts = weight.size(0);
    Tensor logits = Tensors.empty(x, ScalarType.Float, x.size(0), chunks, experts);
    boolean kept = context.needsGrad(WEIGHT);
    @Nullable Tensor summary =
        kept ? Tensors.empty(x, ScalarType.Float, x.size(0) * chunks, width) : null;
    kernels
        .get("chunk_logits")
        .launch(
            Grid.of(x.size(0) * chunks, THREADS),
            strided(x),
            weight,
            summary,
            logits,
            chunk,
            (int) chunks,
            (int) width,
            (int) experts,
            own ? 1 : 0);
    context.save(weight);
    if (summary != null) {
      context.save(summary);
    }
    return new Tensor[] {logits};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor dLogits = gradients.of(0).contiguous();
    Tensor weight = context.saved(0);
    long batch = dLogits.size(0);
    long chunks = dLogits.size(1);
    int experts = (int) weight.size(0);
    int width = (int) weight.size(1);
    GradientSum.@Nullable Room dx =
        context.needsGrad(X)
            ? GradientSum.room(shared, dLogits, type, batch, chunks * chunk, width)
            : null;
    @Nullable Tensor dWeight =
        context.needsGrad(WEIGHT) ? Tensors.empty(dLogits, ScalarType.Float, experts, width) : null;
    int ofWeight = dWeight == null ? 0 : ceil(width, COLUMNS) * ceil(experts, EXPERTS);
    long ofX = dx == null ? 0 : batch * chunks;
    kernels
        .get("chunk_logits_backward")
        .launch(
            Grid.of(ofWeight + ofX, THREADS),
            dLogits,
            dWeight == null ? null : context.saved(1),
            weight,
            dx == null ? null : dx.tensor(),
            dx != null && dx.adds() ? 1 : 0,
            dWeight,
            ofWeight,
            batch * chunks,
            chunk,
            (int) chunks,
            width,
            experts,
            own ? 1 : 0);
    if (dx != null) {
      dx.give(gradients, X);
    }
    if (dWeight != null) {
      gradients.give(WEIGHT, dWeight);
    }
  }

  private static int ceil(int number, int divisor) {
    return (number + divisor - 1) / divisor;
  }
}
