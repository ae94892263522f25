package dev.hydra.mixer.attention;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Attention that holds all scores of the block. Forward and backward are written out, so nothing is
 * recorded in between.
 *
 * @param scale factor of the scores
 * @param softCap the bound {@code c} of the scores if they have one: {@code c tanh(s / c)} (Gemma
 *     2, arXiv 2408.00118, section 2)
 */
record PlainKernel(double scale, Optional<Double> softCap) implements BlockKernel {
  /** Stands for the largest score where none is visible. */
  private static final double LOWEST = -1e30;

  @Override
  public Tensor[] forward(Tensor q, Tensor k, Tensor v, Tensor visible) {
    Tensor scores = hide(capped(scores(q, k)), visible);
    try (Scalar lowest = new Scalar(LOWEST);
        Scalar one = new Scalar(1.0)) {
      Tensor top = scores.amax(new long[] {-1}, true).clamp_min(lowest);
      Tensor weights = scores.sub_(top).exp_();
      Tensor sum = weights.sum(-1).unsqueeze(-1); // at least 1 where a key is visible, else 0
      Tensor out = weights.matmul(v).div_(sum.clamp_min(one));
      return new Tensor[] {out, top.add(sum.log()).squeeze(-1)};
    }
  }

  @Override
  public Tensor[] backward(
      Tensor q, Tensor k, Tensor v, Tensor visible, Tensor out, Tensor lse, Tensor gradient) {
    Tensor capped = capped(scores(q, k));
    Optional<Tensor> slope = softCap.map(cap -> slope(capped, cap));
    Tensor weights = hide(capped, visible).sub_(lse.unsqueeze(3)).exp_();
    Tensor delta = gradient.mul(out).sum(-1).unsqueeze(-1);
    Tensor dScores = gradient.matmul(v.transpose(2, 3)).sub_(delta).mul_(weights);
    slope.ifPresent(dScores::mul_);
    return new Tensor[] {
      Tensors.mul(dScores.matmul(k), scale),
      Tensors.mul(dScores.transpose(2, 3).matmul(q), scale),
      weights.transpose(2, 3).matmul(gradient)
    };
  }

  private Tensor scores(Tensor q, Tensor k) {
    return Tensors.mul(q, scale).matmul(k.transpose(2, 3));
  }

  private Tensor capped(Tensor scores) {
    return softCap
        .map(cap -> Tensors.mul(Tensors.mul(scores, 1 / cap).tanh_(), (double) cap))
        .orElse(scores);
  }

  /** The derivative of the cap where it gave {@code capped}. */
  private static Tensor slope(Tensor capped, double cap) {
    Tensor tanh = Tensors.mul(capped, 1 / cap);
    return Tensors.add(tanh.mul(tanh).neg(), 1);
  }

  /** Sets scores to minus infinity in place. */
  private static Tensor hide(Tensor scores, Tensor visible) {
    try (Scalar hidden = new Scalar(Double.NEGATIVE_INFINITY)) {
      return scores.masked_fill_(visible.logical_not(), hidden);
    }
  }
}
