package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * What the backward of every part of an attention needs to know of the whole. With the softmax's
 * probabilities {@code P = exp(S - lse)} of the whole, the gradient of the scores is {@code dS = P
 * (dP - rowsum(dO O))} in each part alone (FlashAttention, arXiv 2205.14135, appendix B.2).
 *
 * @param out the merged result [batch, time, heads, headDim]
 * @param lse its normaliser [batch, heads, time]
 * @param gradient the gradient of {@code out}
 */
record Upstream(Tensor out, Tensor lse, Tensor gradient) {
  /** The same for some of the queries. */
  Upstream part(long from, long to) {
    return new Upstream(
        Tensors.slice(out, 1, from, to),
        Tensors.slice(lse, 2, from, to),
        Tensors.slice(gradient, 1, from, to));
  }
}
