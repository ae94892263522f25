package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * Attention of queries to a part of the keys that they see, with what it takes to merge parts
 * (FlashAttention, arXiv 2205.14135, section 3.1).
 *
 * @param out [batch, time, heads, headDim]; zero for a query that sees none of the part
 * @param lse [batch, heads, time]: logarithm of the sum of the exponentials of its scores, minus
 *     infinity for such a query
 */
record Partial(Tensor out, Tensor lse) {
  /** Computes parts of the queries, each in a scope of its own, and joins them along time. */
  static Partial join(Stream<Supplier<Partial>> parts) {
    Tensor[][] computed =
        parts
            .map(
                part ->
                    Scopes.keepAll(
                        () -> {
                          Partial result = part.get();
                          return new Tensor[] {result.out, result.lse};
                        }))
            .toArray(Tensor[][]::new);
    return new Partial(
        Tensors.cat(1, Stream.of(computed).map(part -> part[0]).toArray(Tensor[]::new)),
        Tensors.cat(2, Stream.of(computed).map(part -> part[1]).toArray(Tensor[]::new)));
  }

  /** Attention to both parts: {@code sum exp(lse_i - lse) out_i}. One must see a key. */
  Partial merge(Partial other) {
    Tensor total = lse.logaddexp(other.lse);
    return new Partial(weighted(total).add(other.weighted(total)), total);
  }

  private Tensor weighted(Tensor total) {
    return lse.sub(total).exp_().transpose(1, 2).unsqueeze(3).mul(out);
  }
}
