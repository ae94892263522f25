package dev.hydra.mixer.attention;

import dev.hydra.api.StateCache;
import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A prompt of one row with padding in it, for attention to everything. No token attends to padding,
 * and its keys are not kept. Positions leave it out: those of the tokens before it move up, so that
 * what follows the prompt has its plain position.
 *
 * @param padding bool [1, time]
 */
record PaddedPrompt(Tensor padding) {
  /** Published models turn padding itself as if it stood at the second position. */
  private static final double PADDING_POSITION = 1;

  /** int64 [1, time]. */
  Tensor positions() {
    Tensor filled = padding.to(ScalarType.Long);
    Tensor total = filled.sum();
    Tensor plain = Tensors.range(0, filled.size(1), padding).unsqueeze(0);
    Tensor moved = plain.add(total).sub(filled.cumsum(1));
    try (Scalar own = new Scalar(PADDING_POSITION)) {
      return moved.where(padding.logical_not(), total.add(own));
    }
  }

  /** Who sees which key, bool [1, time, time]; padding sees itself, so that it sees something. */
  Tensor visible() {
    Tensor index = Tensors.range(0, padding.size(1), padding);
    Tensor query = index.unsqueeze(1);
    Tensor real = padding.logical_not();
    return index.le(query).logical_and(real).logical_or(index.eq(query)).unsqueeze(0);
  }

  /** Leaves the keys, or values, [1, time, kvHeads, headDim] of what is no padding. */
  void keep(StateCache cache, String name, Tensor all) {
    cache.put(name, all.index_select(1, padding.logical_not().view(-1).nonzero().view(-1)));
  }
}
