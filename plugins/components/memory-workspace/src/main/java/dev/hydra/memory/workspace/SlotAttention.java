package dev.hydra.memory.workspace;

import dev.hydra.libtorch.runtime.Determinism;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Attention of tokens over slots: [rows, heads, tokens or slots, headDim] each. */
final class SlotAttention {
  private SlotAttention() {}

  /**
   * The keys of two blocks of LibTorch's kernels, whatever the size of heads. Two sums have no
   * order; of three or more, gradients of queries depend on which block ends first.
   */
  private static final long ORDERED_KEYS = 128;

  /** Fused on CUDA; on the CPU the fused kernel is many times slower in bfloat16. */
  static Tensor attend(Tensor queries, Tensor keys, Tensor values) {
    boolean ordered = keys.size(-2) <= ORDERED_KEYS || !Determinism.wanted();
    return queries.is_cuda() && ordered
        ? fused(queries, keys, values)
        : plain(queries, keys, values);
  }

  static Tensor fused(Tensor queries, Tensor keys, Tensor values) {
    return torch.scaled_dot_product_attention(queries, keys, values);
  }

  static Tensor plain(Tensor queries, Tensor keys, Tensor values) {
    Tensor scaled = Tensors.mul(queries, 1 / Math.sqrt((double) queries.size(-1)));
    return scaled.matmul(keys.transpose(-1, -2)).softmax(-1).matmul(values);
  }
}
