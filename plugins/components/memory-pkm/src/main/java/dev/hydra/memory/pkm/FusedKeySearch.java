package dev.hydra.memory.pkm;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.ColumnSums;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * From queries and sub-keys to rows and weights by a CUDA kernel, whose scores stay in shared
 * memory; backward sums over the few scores that have a gradient. Its twin is in {@link
 * ProductKeys}.
 */
final class FusedKeySearch extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedKeySearch.class,
              "primitives.cu",
              "dependent_launch.cu",
              "ranks.cu",
              "pkm_choice.cu",
              "pkm_products.cu"),
          KernelSource.of(FusedKeySearch.class, "primitives.cu", "pkm_gradients.cu"),
          ColumnSums.SOURCE);

  /** Of so few a matrix product per text is as fast. */
  private static final long FEW_TOKENS = 128;

  /** Of fewer, warps of a block have none to multiply, and LibTorch's products are faster. */
  private static final long FEWEST_KEYS = 256;

  /** What the products are cut into. */
  private static final int DEPTH = 16;

  private static final int VECTOR = 4;
  private static final int QUERIES_OF_BLOCK = 32;
  private static final int FIND_THREADS = 256;
  private static final int LISTS_OF_BLOCK = 4;
  private static final int LIST_THREADS = 128;
  private static final int QUERY_THREADS = 1024;
  private static final int KEY_THREADS = 512;

  /** Of each key a block has so many channels in shared memory, fewer where there are more keys. */
  private static final int SLICE = 64;

  private static final int SLICE_OF_MANY = 32;
  private static final long MANY_KEYS = 640;

  private static final int QUERIES = 0;
  private static final int SUB_KEYS = 1;
  private static final int ROWS = 2;
  private static final int WEIGHTS = 3;

  private final Kernels kernels;
  private final int topK;
  private final int slice;

  private FusedKeySearch(Kernels kernels, int topK, int slice) {
    this.kernels = kernels;
    this.topK = topK;
    this.slice = slice;
  }

  /**
   * Chooses: gives the fused path where queries and keys are float32 on a CUDA device, within the
   * limits of the kernels, of at least 256 keys, with gradients or for many tokens, and kernels are
   * to be used there.
   *
   * @param queries [tokens, heads, keyDim]
   * @param subKeys [heads, 2, keys, keyDim / 2]
   */
  static Optional<FusedKeySearch> of(Tensor queries, Tensor subKeys, int topK) {
    long keys = subKeys.size(2);
    long half = subKeys.size(3);
    if (!queries.is_cuda()
        || isInlined()
        || Tensors.type(queries) != ScalarType.Float
        || Tensors.type(subKeys) != ScalarType.Float
        || queries.numel() == 0
        || (queries.size(0) < FEW_TOKENS && !GradMode.is_enabled())
        || queries.size(1) > Grid.MOST_ROWS / 2
        || half % DEPTH != 0
        || keys < FEWEST_KEYS
        || keys > FusedSearch.MOST_KEYS
        || topK > FusedSearch.MOST_ROWS) {
      return Optional.empty();
    }
    int slice = half <= SLICE_OF_MANY || keys > MANY_KEYS ? SLICE_OF_MANY : SLICE;
    Map<String, Integer> macros =
        Map.of("KEYS", (int) keys, "TOP_K", topK, "HALF", (int) half, "SLICE", slice);
    return KERNELS
        .usable(queries, macros)
        .filter(
            found ->
                found.get("pkm_find").fits()
                    && found.get("pkm_query_gradients").fits()
                    && found.get("pkm_key_gradients").fits())
        .map(found -> new FusedKeySearch(found, topK, slice));
  }

  /** Computes {@link ProductKeys#search(Tensor)}. */
  ProductKeys.Hits search(Tensor queries, Tensor subKeys) {
    Tensor[] found = apply(queries, subKeys);
    return new ProductKeys.Hits(found[0].transpose(0, 1), found[1].transpose(0, 1));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor queries = VectorSize.fit(VECTOR, inputs[QUERIES].contiguous());
    Tensor subKeys = VectorSize.fit(VECTOR, inputs[SUB_KEYS].contiguous());
    long tokens = queries.size(0);
    long heads = queries.size(1);
    Tensor rows = Tensors.empty(queries, ScalarType.Long, tokens, heads, topK);
    Tensor weights = Tensors.empty(queries, ScalarType.Float, tokens, heads, topK);
    kernels
        .get("pkm_find")
        .launch(
            new Grid(Grid.count(tokens, QUERIES_OF_BLOCK), heads, 1, FIND_THREADS),
            queries,
            subKeys,
            rows,
            weights,
            tokens,
            heads);
    context.save(queries, subKeys, rows, weights);
    return new Tensor[] {rows, weights};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor queries = context.saved(QUERIES);
    Tensor subKeys = context.saved(SUB_KEYS);
    long tokens = queries.size(0);
    long heads = queries.size(1);
    // Of each a key and a gradient of its score, 4 bytes both.
    Tensor listed = Tensors.empty(queries, ScalarType.Int, heads, 2, tokens, topK, 2);
    kernels
        .get("pkm_changes")
        .launch(
            Grid.of(Grid.count(tokens * heads, LISTS_OF_BLOCK), LIST_THREADS),
            gradients.of(1).contiguous(),
            context.saved(WEIGHTS),
            context.saved(ROWS),
            listed,
            tokens,
            heads);
    long slices = Grid.count(subKeys.size(3), slice);
    long parts = Math.max(1, kernels.gpu().multiprocessors() / (2 * heads * slices));
    if (context.needsGrad(QUERIES)) {
      Tensor own = Tensors.empty(queries, ScalarType.Float, Tensors.sizes(queries));
      kernels
          .get("pkm_query_gradients")
          .launch(new Grid(parts, slices, 2 * heads, QUERY_THREADS), listed, subKeys, own, tokens);
      gradients.give(QUERIES, own);
    }
    if (context.needsGrad(SUB_KEYS)) {
      Tensor partials = Tensors.empty(subKeys, ScalarType.Float, parts, subKeys.numel());
      kernels
          .get("pkm_key_gradients")
          .launch(
              new Grid(parts, slices, 2 * heads, KEY_THREADS), listed, queries, partials, tokens);
      gradients.give(SUB_KEYS, ColumnSums.of(kernels, partials, ScalarType.Float).view_as(subKeys));
    }
  }
}
