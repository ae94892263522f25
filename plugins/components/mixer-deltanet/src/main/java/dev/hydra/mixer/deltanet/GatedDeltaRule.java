package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The gated delta rule (arXiv 2412.06464, equation 10). A head remembers values by keys in a matrix
 * S, here [keyDim, valueDim], the transpose of the paper's:
 *
 * <pre>{@code
 * S[t] = alpha[t] * (I - beta[t] * k[t] k[t]^T) S[t - 1] + beta[t] * k[t] v[t]^T
 * y[t] = S[t]^T q[t],   alpha = exp(log),  beta = most * sigmoid(strength)
 * }</pre>
 *
 * What S remembers decays by alpha, and what it returns for k[t] moves towards v[t] by beta: up to
 * it where beta is at most 1, and beyond it where beta may be 2, so that the eigenvalue of k[t] is
 * in [-1, 1] instead of [0, 1] (arXiv 2411.12537). Decays and states are computed in the type of
 * {@code log}, products in the type of v.
 */
final class GatedDeltaRule {
  private GatedDeltaRule() {}

  /**
   * What the rule runs on.
   *
   * @param q queries [batch, time, heads, keyDim]
   * @param k keys in the shape of q, of length 1 or less
   * @param v values [batch, time, heads, valueDim], in the type of q and k
   * @param log log decays [batch, time, heads], at most 0, float32 or float64
   * @param strength how strongly to write, as logits, in the shape and type of log
   * @param most the largest beta, 1 or 2
   * @param documents int64 [batch, time], see {@link dev.hydra.api.Pass#documents}
   * @param initial the state before the first token [batch, heads, keyDim, valueDim] in the type of
   *     log; zeros if empty
   */
  record Input(
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor log,
      Tensor strength,
      double most,
      Optional<Tensor> documents,
      Optional<Tensor> initial) {
    /** The betas of some strengths. */
    Tensor beta(Tensor strengths) {
      return Tensors.scaled(strengths.sigmoid(), most);
    }

    /** The type to compute in. */
    ScalarType accumulationType() {
      return Tensors.type(log);
    }
  }

  /**
   * What it returns.
   *
   * @param y [batch, time, heads, valueDim] in the type of v
   * @param state after the last token [batch, heads, keyDim, valueDim] in the type of log; without
   *     meaning after packed documents, which are not continued
   */
  record Output(Tensor y, Tensor state) {}

  /**
   * Computes any number of tokens: by CUDA kernels where they can be used, else {@link #chunked}.
   *
   * @param chunk the largest chunk of the plain path; the kernels have their own
   */
  static Output of(Input in, int chunk) {
    return FusedDeltaRule.of(in)
        .map(fused -> fused.compute(in))
        .orElseGet(() -> chunked(in, chunk));
  }

  /**
   * Computes any number of tokens in chunks by LibTorch's operators.
   *
   * @param chunk the largest chunk
   */
  static Output chunked(Input in, int chunk) {
    return ChunkedDeltaRule.compute(in, chunk);
  }

  /**
   * Computes a single token as the rule says, for decoding.
   *
   * @param inPlace whether the initial state becomes the one after it
   */
  static Output step(Input in, boolean inPlace) {
    Tensor q = row(in.q, in);
    Tensor k = row(in.k, in);
    Tensor v = row(in.v, in);
    Tensor beta = in.beta(perHead(in.strength));
    Tensor keys = k.transpose(2, 3);
    Tensor state =
        in.initial()
            .map(before -> decayed(before, perHead(in.log).exp(), inPlace))
            .map(left -> written(left, keys, v.sub(k.matmul(left)).mul(beta), inPlace))
            .orElseGet(() -> keys.mul(v.mul(beta)));
    Tensor y = q.matmul(state).transpose(1, 2);
    return new Output(Tensors.cast(y, Tensors.type(in.v)), state);
  }

  private static Tensor decayed(Tensor state, Tensor decay, boolean inPlace) {
    return inPlace ? state.mul_(decay) : state.mul(decay);
  }

  private static Tensor written(Tensor state, Tensor keys, Tensor values, boolean inPlace) {
    return inPlace ? state.addcmul_(keys, values) : state.addcmul(keys, values);
  }

  /** The only token of [batch, 1, heads, dim] as [batch, heads, 1, dim]. */
  private static Tensor row(Tensor tensor, Input in) {
    return Tensors.cast(tensor, in.accumulationType()).transpose(1, 2);
  }

  /** The only token of [batch, 1, heads] as [batch, heads, 1, 1]. */
  private static Tensor perHead(Tensor tensor) {
    return tensor.transpose(1, 2).unsqueeze(-1);
  }
}
