package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Determinism;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Softmax attention by LibTorch's fused kernel (FlashAttention-2, arXiv 2307.08691, where type and
 * device allow), which never holds all scores. The result is shaped like the queries.
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

  /**
   * Says whether the backward of the fused kernel adds up gradients in no fixed order although that
   * is wanted: on CUDA, where LibTorch's autograd calls it by itself, which {@link
   * Determinism#within} does not reach. {@link LocalAttention} has a backward that is ordered.
   */
  static boolean isUnordered(Tensor queries) {
    return queries.is_cuda() && Determinism.wanted();
  }

  /** Query {@code i} sees keys {@code 0..i}. */
  static Tensor causal(Qkv x, double scale) {
    return attend(x, true, scale);
  }

  /** Every query sees every key. */
  static Tensor open(Qkv x, double scale) {
    return attend(x, false, scale);
  }

  /** [batch, time, heads, headDim] with every head several times. */
  private static Tensor repeated(Tensor heads, long times) {
    return times == 1 ? heads : heads.unsqueeze(3).expand(-1, -1, -1, times, -1).flatten(2, 3);
  }

  private static Tensor attend(Qkv x, boolean causal, double scale) {
    boolean grouped = x.q().size(2) != x.k().size(2);
    if (!x.q().is_cuda()) {
      long shared = x.q().size(2) / x.k().size(2);
      return CpuAttention.attend(
              x.q().transpose(1, 2),
              repeated(x.k(), shared).transpose(1, 2),
              repeated(x.v(), shared).transpose(1, 2),
              causal,
              scale)
          .transpose(1, 2);
    }
    try (TensorOptional noMask = new TensorOptional();
        DoubleOptional factor = new DoubleOptional(scale)) {
      return torch
          .scaled_dot_product_attention(
              x.q().transpose(1, 2),
              x.k().transpose(1, 2),
              x.v().transpose(1, 2),
              noMask,
              0.0,
              causal,
              factor,
              grouped)
          .transpose(1, 2);
    }
  }
}
