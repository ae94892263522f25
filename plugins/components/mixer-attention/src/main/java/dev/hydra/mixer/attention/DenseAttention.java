package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Attention of some queries to some keys by a mask, in at least float32: for a block of queries at
 * a time. Query heads that share a key head are laid out as more queries of one head, so keys are
 * never repeated.
 *
 * @param scale factor of the scores
 * @param softCap the bound of the scores, if they have one
 */
record DenseAttention(double scale, Optional<Double> softCap) {
  /** Attends where {@code visible}, bool [1 or batch, time, keys], is true. */
  Partial forward(Qkv x, Tensor visible) {
    Tensor[] results =
        kernel(x).forward(queries(x.q(), x), keys(x.k()), keys(x.v()), visible(visible, x));
    return new Partial(ungrouped(results[0], x), results[1].reshape(-1, x.q().size(2), x.time()));
  }

  /** The gradients that come through these pairs, which may be a part of an attention. */
  Qkv backward(Qkv x, Tensor visible, Upstream upstream) {
    Tensor q = queries(x.q(), x);
    Tensor[] gradients =
        kernel(x)
            .backward(
                q,
                keys(x.k()),
                keys(x.v()),
                visible(visible, x),
                queries(upstream.out(), x),
                upstream.lse().reshape(q.size(0), q.size(1), q.size(2)),
                queries(upstream.gradient(), x));
    return new Qkv(
        ungrouped(gradients[0], x), gradients[1].transpose(1, 2), gradients[2].transpose(1, 2));
  }

  private BlockKernel kernel(Qkv x) {
    return softCap.isEmpty() && !x.q().is_cuda()
        ? new FusedKernel(scale)
        : new PlainKernel(scale, softCap);
  }

  /** [1 or batch, 1, group time, keys]. */
  private static Tensor visible(Tensor visible, Qkv x) {
    return visible
        .unsqueeze(1)
        .expand(-1, x.shared(), -1, -1)
        .reshape(-1, 1, x.shared() * x.time(), x.keys());
  }

  /** [batch, time, heads, headDim] to [batch, kvHeads, group time, headDim]. */
  private static Tensor queries(Tensor heads, Qkv x) {
    long kvHeads = x.k().size(2);
    long dim = heads.size(3);
    return Tensors.upcast(heads)
        .reshape(-1, x.time(), kvHeads, x.shared(), dim)
        .permute(0, 2, 3, 1, 4)
        .reshape(heads.size(0), kvHeads, -1, dim);
  }

  /** Undoes {@link #queries}. */
  private static Tensor ungrouped(Tensor grouped, Qkv x) {
    long dim = grouped.size(3);
    return grouped
        .reshape(-1, x.k().size(2), x.shared(), x.time(), dim)
        .permute(0, 3, 1, 2, 4)
        .reshape(-1, x.time(), x.q().size(2), dim);
  }

  private static Tensor keys(Tensor keys) {
    return Tensors.upcast(keys).transpose(1, 2);
  }
}
