package dev.hydra.mixer.attention;

import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Softmax attention by LibTorch's fused kernel (FlashAttention-2, arXiv 2307.08691, where type and
 * device allow), which never holds all scores. Queries are [batch, time, heads, headDim], keys and
 * values [batch, keys, kvHeads, headDim], the result is shaped like the queries.
 */
final class Attention {
  private Attention() {}

  /**
   * The type to compute in for hidden states. On the CPU that is never bfloat16: LibTorch's fused
   * kernel there falls back to plain loops, twenty times slower than float32.
   */
  static ScalarType type(Tensor x) {
    ScalarType type = Tensors.type(x);
    return type == ScalarType.BFloat16 && !x.is_cuda() ? ScalarType.Float : type;
  }

  /** Query {@code i} sees keys {@code 0..i}. */
  static Tensor causal(Tensor q, Tensor k, Tensor v, double scale) {
    return attend(q, k, v, Optional.empty(), true, scale);
  }

  /** Every query sees every key. */
  static Tensor open(Tensor q, Tensor k, Tensor v, double scale) {
    return attend(q, k, v, Optional.empty(), false, scale);
  }

  /** A query sees the keys where mask [1 or batch, 1, time, keys] is true: at least one. */
  static Tensor masked(Tensor q, Tensor k, Tensor v, Tensor mask, double scale) {
    return attend(q, k, v, Optional.of(mask), false, scale);
  }

  private static Tensor attend(
      Tensor q, Tensor k, Tensor v, Optional<Tensor> mask, boolean causal, double scale) {
    boolean grouped = q.size(2) != k.size(2);
    try (TensorOptional maybeMask = mask.map(TensorOptional::new).orElseGet(TensorOptional::new);
        DoubleOptional factor = new DoubleOptional(scale)) {
      return torch
          .scaled_dot_product_attention(
              q.transpose(1, 2),
              k.transpose(1, 2),
              v.transpose(1, 2),
              maybeMask,
              0.0,
              causal,
              factor,
              grouped)
          .transpose(1, 2);
    }
  }
}
