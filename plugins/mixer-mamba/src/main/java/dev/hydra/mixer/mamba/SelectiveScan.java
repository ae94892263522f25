package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The selective scan (arXiv 2312.00752, section 3.2, with the discretisation of the published
 * models): for each channel d and state element n
 *
 * <pre>{@code
 * h[t, d, n] = exp(dt[t, d] * a[d, n]) * h[t - 1, d, n] + dt[t, d] * b[t, n] * x[t, d]
 * y[t, d] = sum over n of c[t, n] * h[t, d, n]
 * }</pre>
 *
 * computed in the type of {@code dt}.
 */
final class SelectiveScan {
  private SelectiveScan() {}

  /**
   * What the scan runs on.
   *
   * @param x [batch, time, inner]
   * @param dt step sizes [batch, time, inner], at least 0, float32 or float64
   * @param a decay rates [inner, state], below 0, in the type of dt
   * @param b input projections [batch, time, state]
   * @param c output projections [batch, time, state]
   * @param documents int64 [batch, time], see {@link dev.hydra.api.Pass#documents}
   * @param initial the state before the first token [batch, inner, state] in the type of dt; zeros
   *     if empty
   */
  record Input(
      Tensor x,
      Tensor dt,
      Tensor a,
      Tensor b,
      Tensor c,
      Optional<Tensor> documents,
      Optional<Tensor> initial) {}

  /**
   * What it returns.
   *
   * @param y [batch, time, inner] in the type of x
   * @param state after the last token [batch, inner, state] in the type of dt
   */
  record Output(Tensor y, Tensor state) {}

  /**
   * Computes any number of tokens, in chunks.
   *
   * @param chunk the tokens whose states exist at the same time
   */
  static Output chunked(Input in, int chunk) {
    return ChunkedScan.compute(in, chunk);
  }

  /** Computes a single token, for decoding. */
  static Output step(Input in) {
    ScalarType precise = Tensors.type(in.dt);
    Tensor dt = in.dt.squeeze(1).unsqueeze(-1);
    Tensor x = Tensors.cast(in.x.squeeze(1), precise).unsqueeze(-1);
    Tensor b = Tensors.cast(in.b, precise);
    Tensor c = Tensors.cast(in.c.squeeze(1), precise).unsqueeze(-1);
    Tensor added = x.mul(dt).mul(b);
    Tensor state =
        in.initial.map(before -> dt.mul(in.a).exp().mul(before).add(added)).orElse(added);
    Tensor y = state.matmul(c).squeeze(-1);
    return new Output(Tensors.cast(y, Tensors.type(in.x)).unsqueeze(1), state);
  }
}
