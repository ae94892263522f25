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

  private static final long MOST_PIECES = 16;
  private static final long SHORTEST_PIECE = 256;

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
   * Searches for each token and head, by CUDA kernels where they can be used.
   *
   * @param queries [tokens, heads, keyDim] in the type of the sub-keys
   */
  Hits search(Tensor queries) {
    return FusedKeySearch.of(queries, subKeys, topK)
        .map(fused -> fused.search(queries, subKeys))
        .orElseGet(() -> byProducts(queries));
  }

  private Hits byProducts(Tensor queries) {
    long tokens = queries.size(0);
    long heads = subKeys.size(0);
    long keys = subKeys.size(2);
    long half = subKeys.size(3);
    Tensor halves =
        queries.view(tokens, heads, 2, half).permute(1, 2, 0, 3).reshape(2 * heads, tokens, half);
    return search(scores(halves, subKeys.view(2 * heads, keys, half).transpose(1, 2)), topK);
  }

  /**
   * The products [2 heads, tokens, keys] of halves of queries [2 heads, tokens, half] and sub-keys
   * [2 heads, half, keys].
   */
  private static Tensor scores(Tensor halves, Tensor keys) {
    return halves.is_cuda() ? inPieces(halves, keys, pieces(halves.size(1))) : halves.bmm(keys);
  }

  /**
   * Multiplies pieces of the tokens on their own: the gradient of the keys, a small matrix that all
   * tokens are summed into, would be the work of a few blocks of threads.
   */
  static Tensor inPieces(Tensor halves, Tensor keys, long pieces) {
    if (pieces == 1) {
      return halves.bmm(keys);
    }
    Tensor cut = halves.unflatten(1, pieces, -1).flatten(0, 1);
    Tensor repeated = keys.unsqueeze(1).expand(-1, pieces, -1, -1).flatten(0, 1);
    return cut.bmm(repeated).unflatten(0, -1, pieces).flatten(1, 2);
  }

  /** As many pieces, up to 16, as divide the tokens into long ones. */
  private static long pieces(long tokens) {
    long pieces = MOST_PIECES;
    while (pieces > 1 && (tokens % pieces != 0 || tokens / pieces < SHORTEST_PIECE)) {
      pieces /= 2;
    }
    return pieces;
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
