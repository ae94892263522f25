package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Lays queries out so that the strided positions that they see are a window. Where {@code every}
 * divides the window, the queries {@code every} apart, with the strided keys, are a sequence of
 * their own: query {@code i} of it sees the keys up to {@code i}, and queries that differ in their
 * place between two strided positions see the same, so that {@code place} is part of the batch.
 *
 * @param every distance of the strided positions
 * @param shift strided positions in a window
 * @param blocks queries of each place that have strided positions before their window
 */
record StridedLayout(long every, long shift, long blocks) {
  /** The layout of a sequence that is longer than the window. */
  static StridedLayout of(SparsePattern pattern, long time) {
    long every = pattern.every();
    long shift = pattern.window() / every;
    return new StridedLayout(every, shift, (time + every - 1) / every - shift);
  }

  /** Queries and the strided keys and values: [batch every, blocks, heads, headDim] each. */
  Qkv cut(Qkv x) {
    return new Qkv(cut(x.q()), strided(x.k()), strided(x.v()));
  }

  /** What comes from the whole, for these queries. */
  Upstream cut(Upstream whole) {
    Tensor lse =
        padded(whole.lse(), 2)
            .unflatten(2, blocks, every)
            .permute(0, 3, 1, 2)
            .reshape(-1, whole.lse().size(1), blocks);
    return new Upstream(cut(whole.out()), lse, cut(whole.gradient()));
  }

  private Tensor cut(Tensor queries) {
    return padded(queries, 1).unflatten(1, blocks, every).transpose(1, 2).flatten(0, 1);
  }

  /** From the first query that has strided positions on, the last block filled up with zeros. */
  private Tensor padded(Tensor queries, int dim) {
    long from = shift * every;
    long time = queries.size(dim);
    long padding = (shift + blocks) * every - time;
    Tensor rest = Tensors.slice(queries, dim, from, time);
    return padding == 0 ? rest : Tensors.pad(rest, dim, 0, padding);
  }

  private Tensor strided(Tensor keys) {
    return rows(keys).unsqueeze(1).expand(-1, every, -1, -1, -1).flatten(0, 1).contiguous();
  }

  /** The strided keys before the windows [batch, blocks, kvHeads, headDim], a view. */
  private Tensor rows(Tensor keys) {
    return Tensors.slice(Tensors.every(keys, 1, 0, every), 1, 0, blocks);
  }

  /**
   * Adds to the gradient of keys or values that of {@link #cut}'s.
   *
   * @param keys [batch, time, kvHeads, headDim], changed in place
   * @param strided [batch every, blocks, kvHeads, headDim]
   */
  void add(Tensor keys, Tensor strided) {
    rows(keys).add_(strided.reshape(-1, every, blocks, keys.size(2), keys.size(3)).sum(1));
  }
}
