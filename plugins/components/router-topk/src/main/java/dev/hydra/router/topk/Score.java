package dev.hydra.router.topk;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/** How logits [..., experts] become scores of the same shape. */
enum Score {
  /** Experts compete: the scores of a token add up to one. */
  SOFTMAX {
    @Override
    Tensor of(Tensor logits) {
      return logits.softmax(-1);
    }
  },
  /** Each expert is scored on its own, as in DeepSeek-V3 (arXiv 2412.19437, eq. 15). */
  SIGMOID {
    @Override
    Tensor of(Tensor logits) {
      return logits.sigmoid();
    }
  };

  /** Far below any score that matters; keeps scores that all underflow from giving 0 / 0. */
  private static final double TINY = 1e-20;

  abstract Tensor of(Tensor logits);

  /** Scales the last dimension to a sum of one. */
  static Tensor normalize(Tensor scores) {
    return scores.div(Tensors.add(scores.sum(-1).unsqueeze(-1), TINY));
  }
}
