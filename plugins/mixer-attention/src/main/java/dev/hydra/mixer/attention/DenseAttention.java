package dev.hydra.mixer.attention;

import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Softmax attention that holds all scores, in at least float32: for a block of queries at a time.
 * Forward and backward are written out, so nothing is recorded in between.
 *
 * @param scale factor of the scores
 * @param softCap the bound {@code c} of the scores if they have one: {@code c tanh(s / c)} (Gemma
 *     2, arXiv 2408.00118, section 2)
 */
record DenseAttention(double scale, Optional<Double> softCap) {
  /** Finite, and so far down that the exponential of any score less this is right or infinite. */
  private static final double LOWEST = -1e30;

  /**
   * Attends.
   *
   * @param visible bool [1 or batch, time, keys]
   */
  Partial forward(Qkv x, Tensor visible) {
    Tensor scores = hide(capped(scores(x)), x, visible);
    try (Scalar lowest = new Scalar(LOWEST);
        Scalar one = new Scalar(1.0)) {
      Tensor top = scores.amax(new long[] {-1}, true).clamp_min(lowest);
      Tensor weights = scores.sub_(top).exp_();
      Tensor sum = weights.sum(-1).unsqueeze(-1); // at least 1 where a key is visible, else 0
      Tensor out = weights.matmul(keys(x.v())).div_(sum.clamp_min(one));
      long heads = x.q().size(2);
      return new Partial(ungrouped(out, x), top.add(sum.log()).view(-1, heads, x.time()));
    }
  }

  /**
   * The gradients.
   *
   * @param visible as in forward
   * @param gradient of the whole result, [batch, time, heads, headDim]
   * @param lse of the whole attention, of which this may be a part, [batch, heads, time]
   * @param delta of the whole, like {@code lse}: {@link Upstream#delta}
   */
  Qkv backward(Qkv x, Tensor visible, Tensor gradient, Tensor lse, Tensor delta) {
    Tensor dOut = queries(gradient, x);
    Tensor capped = capped(scores(x));
    Optional<Tensor> slope = softCap.map(cap -> slope(capped, cap));
    Tensor weights = hide(capped, x, visible).sub_(rows(lse, dOut)).exp_();
    Tensor dScores = dOut.matmul(keys(x.v()).transpose(2, 3)).sub_(rows(delta, dOut)).mul_(weights);
    slope.ifPresent(dScores::mul_);
    Tensor dQ = Tensors.mul(dScores.matmul(keys(x.k())), scale);
    Tensor dK = Tensors.mul(dScores.transpose(2, 3).matmul(queries(x.q(), x)), scale);
    Tensor dV = weights.transpose(2, 3).matmul(dOut);
    return new Qkv(ungrouped(dQ, x), dK.transpose(1, 2), dV.transpose(1, 2));
  }

  /** [batch, kvHeads, group time, keys], where a group of query heads shares a key head. */
  private Tensor scores(Qkv x) {
    return Tensors.mul(queries(x.q(), x), scale).matmul(keys(x.k()).transpose(2, 3));
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
  private static Tensor hide(Tensor scores, Qkv x, Tensor visible) {
    long kvHeads = x.k().size(2);
    try (Scalar hidden = new Scalar(Double.NEGATIVE_INFINITY)) {
      scores
          .view(-1, kvHeads, x.q().size(2) / kvHeads, x.time(), x.keys())
          .masked_fill_(visible.logical_not().unsqueeze(1).unsqueeze(1), hidden);
    }
    return scores;
  }

  /** [batch, time, heads, headDim] to [batch, kvHeads, group time, headDim]. */
  private static Tensor queries(Tensor heads, Qkv x) {
    long kvHeads = x.k().size(2);
    long dim = heads.size(3);
    return Tensors.precise(heads)
        .reshape(-1, x.time(), kvHeads, heads.size(2) / kvHeads, dim)
        .permute(0, 2, 3, 1, 4)
        .reshape(heads.size(0), kvHeads, -1, dim);
  }

  /** Undoes {@link #queries}. */
  private static Tensor ungrouped(Tensor grouped, Qkv x) {
    long kvHeads = x.k().size(2);
    long dim = grouped.size(3);
    return grouped
        .view(-1, kvHeads, x.q().size(2) / kvHeads, x.time(), dim)
        .permute(0, 3, 1, 2, 4)
        .reshape(-1, x.time(), x.q().size(2), dim);
  }

  private static Tensor keys(Tensor keys) {
    return Tensors.precise(keys).transpose(1, 2);
  }

  /** [batch, heads, time] to one number per row of grouped queries. */
  private static Tensor rows(Tensor perQuery, Tensor grouped) {
    return perQuery.reshape(grouped.size(0), grouped.size(1), grouped.size(2), 1);
  }
}
