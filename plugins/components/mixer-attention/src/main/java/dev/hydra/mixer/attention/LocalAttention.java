package dev.hydra.mixer.attention;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Causal attention to a window, or to all before: the part of an attention that needs no lookup of
 * keys, in linear memory.
 */
interface LocalAttention {
  /**
   * Attends.
   *
   * @param starts the first token of each token's document, int64 [batch, time]; empty if there are
   *     none
   */
  Partial forward(Qkv x, Optional<Tensor> starts);

  /** The gradients that come through this part. */
  Qkv backward(Qkv x, Optional<Tensor> starts, Upstream upstream);

  /**
   * The fastest kernels that can do what is asked, else their plain twin.
   *
   * @param x what it is to attend to
   */
  static LocalAttention of(DenseAttention dense, long window, Qkv x, Optional<Tensor> starts) {
    return fastest(dense, window, x, starts)
        .or(() -> PatternAttention.of(dense, SparsePattern.local(Math.toIntExact(window)), x))
        .orElseGet(() -> new BlockedAttention(dense, window));
  }

  /** Kernels that are for windows alone, if they can do what is asked. */
  static Optional<LocalAttention> fastest(
      DenseAttention dense, long window, Qkv x, Optional<Tensor> starts) {
    return WindowKernels.of(dense, window, x)
        .<LocalAttention>map(kernels -> kernels)
        .or(
            () ->
                starts.isEmpty() && dense.softCap().isEmpty() && FlashAttention.takes(x.q())
                    ? Optional.of(new FlashAttention(dense.scale(), window))
                    : Optional.empty());
  }
}
