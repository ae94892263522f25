package dev.hydra.memory.pkm;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;

/**
 * Finds the best of {@code keys * keys} rows without scoring them all (arXiv 1907.05242). The key
 * of row {@code i * keys + j} is sub-key {@code i} of the first table beside sub-key {@code j} of
 * the second, so its score is the sum of two half scores. A row among the {@code topK} best has
 * both halves among the {@code topK} best of their tables: {@code topK * topK} sums are all that
 * has to be compared, and the result is exact.
 */
final class ProductKeys {
  /**
   * The rows found.
   *
   * @param rows int64 [heads, tokens, topK], best first
   * @param weights softmax of their scores [heads, tokens, topK], in the type of the queries
   */
  record Hits(Tensor rows, Tensor weights) {}

  private final Tensor subKeys;
  private final int topK;

  /**
   * Borrows the sub-keys.
   *
   * @param subKeys [heads, 2, keys, keyDim / 2]
   * @param topK rows per head and token, at most {@code keys}
   */
  ProductKeys(Tensor subKeys, int topK) {
    this.subKeys = subKeys;
    this.topK = topK;
  }

  /**
   * Searches for each token and head.
   *
   * @param queries [tokens, heads, keyDim] in the type of the sub-keys
   */
  Hits search(Tensor queries) {
    long tokens = queries.size(0);
    long heads = subKeys.size(0);
    long keys = subKeys.size(2);
    long half = subKeys.size(3);
    Tensor halves =
        queries.view(tokens, heads, 2, half).permute(1, 2, 0, 3).reshape(2 * heads, tokens, half);
    Tensor scores = halves.bmm(subKeys.view(2 * heads, keys, half).transpose(1, 2));
    return search(scores, topK);
  }

  /**
   * Finds rows by scores of sub-keys, by a CUDA kernel where it can be used.
   *
   * @param scores [2 heads, tokens, keys]
   */
  static Hits search(Tensor scores, int topK) {
    return FusedSearch.of(scores, topK)
        .map(fused -> fused.search(scores))
        .orElseGet(() -> plain(scores, topK));
  }

  /** Finds rows by LibTorch's operators. */
  static Hits plain(Tensor scores, int topK) {
    long heads = scores.size(0) / 2;
    long tokens = scores.size(1);
    long keys = scores.size(2);
    T_TensorTensor_T best = scores.topk(topK, -1, true, true);
    Tensor bestScores = best.get0().view(heads, 2, tokens, topK);
    Tensor bestKeys = best.get1().view(heads, 2, tokens, topK);

    Tensor sums = pairs(bestScores.select(1, 0), bestScores.select(1, 1));
    Tensor rows = pairs(Tensors.mul(bestKeys.select(1, 0), keys), bestKeys.select(1, 1));
    T_TensorTensor_T chosen = sums.topk(topK, -1, true, true);
    return new Hits(rows.gather(2, chosen.get1()), chosen.get0().softmax(-1));
  }

  /** Every sum of one of {@code a} and one of {@code b}: [heads, tokens, topK * topK]. */
  private static Tensor pairs(Tensor a, Tensor b) {
    return a.unsqueeze(-1).add(b.unsqueeze(-2)).flatten(2, 3);
  }
}
