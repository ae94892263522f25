package dev.hydra.memory.pkm;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * From scores of sub-keys to rows and weights by a CUDA kernel. Its twin is {@link
 * ProductKeys#plain}.
 */
final class FusedSearch extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedSearch.class,
              "primitives.cu",
              "dependent_launch.cu",
              "ranks.cu",
              "pkm_choice.cu",
              "pkm_search.cu"));

  /** What a warp can hold. */
  static final long MOST_KEYS = 1024;

  static final int MOST_ROWS = 32;
  private static final int QUERIES_OF_BLOCK = 4;
  private static final int THREADS = 128;

  private final Kernels kernels;
  private final long keys;
  private final int topK;

  private FusedSearch(Kernels kernels, long keys, int topK) {
    this.kernels = kernels;
    this.keys = keys;
    this.topK = topK;
  }

  /**
   * Chooses: gives the fused path where scores are float32 on a CUDA device, within the limits of
   * the kernels, and these are to be used there.
   *
   * @param scores [2 heads, tokens, keys]
   */
  static Optional<FusedSearch> of(Tensor scores, int topK) {
    long keys = scores.size(2);
    if (!scores.is_cuda()
        || isInlined()
        || Tensors.type(scores) != ScalarType.Float
        || scores.numel() == 0
        || keys > MOST_KEYS
        || topK > MOST_ROWS) {
      return Optional.empty();
    }
    return KERNELS
        .usable(scores, Map.of("KEYS", (int) keys, "TOP_K", topK))
        .map(found -> new FusedSearch(found, keys, topK));
  }

  /** Computes {@link ProductKeys#plain}. */
  ProductKeys.Hits search(Tensor scores) {
    Tensor[] found = apply(scores);
    return new ProductKeys.Hits(found[0].transpose(0, 1), found[1].transpose(0, 1));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor scores = inputs[0].contiguous();
    long heads = scores.size(0) / 2;
    long tokens = scores.size(1);
    Tensor rows = Tensors.empty(scores, ScalarType.Long, tokens, heads, topK);
    Tensor weights = Tensors.empty(scores, ScalarType.Float, tokens, heads, topK);
    kernels.get("pkm_search").launch(grid(rows), scores, rows, weights, tokens, heads);
    context.save(rows, weights);
    return new Tensor[] {rows, weights};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor rows = context.saved(0);
    long tokens = rows.size(0);
    long heads = rows.size(1);
    Tensor scores = Tensors.empty(rows, ScalarType.Float, 2 * heads, tokens, keys);
    kernels
        .get("pkm_search_backward")
        .launch(
            grid(rows),
            gradients.of(1).contiguous(),
            context.saved(1),
            rows,
            scores,
            tokens,
            heads);
    gradients.give(0, scores);
  }

  private Grid grid(Tensor rows) {
    long queries = rows.size(0) * rows.size(1);
    return Grid.of((queries + QUERIES_OF_BLOCK - 1) / QUERIES_OF_BLOCK, THREADS);
  }
}
