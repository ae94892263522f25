package dev.hydra.mixer.attention;

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
  /** Attention to both parts: {@code sum exp(lse_i - lse) out_i}. One must see a key. */
  Partial merge(Partial other) {
    Tensor total = lse.logaddexp(other.lse);
    return new Partial(weighted(total).add(other.weighted(total)), total);
  }

  private Tensor weighted(Tensor total) {
    return lse.sub(total).exp_().transpose(1, 2).unsqueeze(3).mul(out);
  }
}
