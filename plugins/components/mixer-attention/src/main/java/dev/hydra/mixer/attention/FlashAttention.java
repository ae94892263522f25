package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Determinism;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A window by LibTorch's FlashAttention-2 kernels (arXiv 2307.08691) on CUDA, where {@link
 * WindowKernels} cannot be used. They skip what lies outside the window; {@link BlockedAttention}
 * is the plain twin. Their backward adds up the gradients of queries by atomics, in no fixed order,
 * but where {@link Determinism} is wanted.
 *
 * @param window positions that a query sees, its own included
 */
record FlashAttention(double scale, long window) implements LocalAttention {
  private static final Operator FORWARD = Operators.find("aten::_flash_attention_forward", "");
  private static final Operator BACKWARD = Operators.find("aten::_flash_attention_backward", "");

  /** Heads must fill whole vectors of 16 bytes, and registers bound their size. */
  private static final long HEAD_STEP = 8;

  private static final long LARGEST_HEAD = 256;
  private static final double NO_DROPOUT = 0;

  /** Whether the kernels take such queries [batch, time, heads, headDim]. */
  static boolean takes(Tensor queries) {
    ScalarType type = Tensors.type(queries);
    return queries.is_cuda()
        && (type == ScalarType.BFloat16 || type == ScalarType.Half)
        && queries.size(3) % HEAD_STEP == 0
        && queries.size(3) <= LARGEST_HEAD;
  }

  @Override
  public Partial forward(Qkv x, Optional<Tensor> starts) {
    Tensor[] results =
        FORWARD.call(
            x.q(),
            x.k(),
            x.v(),
            null,
            null,
            x.time(),
            x.keys(),
            NO_DROPOUT,
            true,
            false,
            scale,
            left(x),
            0L,
            null,
            null);
    return new Partial(results[0], results[1]);
  }

  @Override
  public Qkv backward(Qkv x, Optional<Tensor> starts, Upstream upstream) {
    // Where rows have one length and nothing is dropped, there are no offsets and random states.
    Tensor none = new Tensor();
    Tensor[] gradients =
        Determinism.within(
            () ->
                BACKWARD.call(
                    upstream.gradient().contiguous(),
                    x.q(),
                    x.k(),
                    x.v(),
                    upstream.out(),
                    upstream.lse().contiguous(),
                    none,
                    none,
                    x.time(),
                    x.keys(),
                    NO_DROPOUT,
                    true,
                    none,
                    none,
                    scale,
                    left(x),
                    0L));
    return new Qkv(gradients[0], gradients[1], gradients[2]);
  }

  /** Positions before its own that a query sees, as many as there are if it sees all. */
  private long left(Qkv x) {
    return Math.min(window - 1, x.keys());
  }
}
