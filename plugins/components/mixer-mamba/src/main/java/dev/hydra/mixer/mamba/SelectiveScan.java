package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.runtime.Tensors;
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
   * What it returns.
   *
   * @param y [batch, time, inner] in the type of x
   * @param state after the last token [batch, inner, state] in the type of dt
   */
  record Output(Tensor y, Tensor state) {}

  /**
   * Computes any number of tokens, and adds what skips the recurrence: by CUDA kernels where they
   * can be used, else {@link #plain}.
   *
   * @param chunk the tokens whose states exist at the same time on the plain path; the kernels have
   *     their own number
   */
  static Output of(SelectiveInput in, int chunk) {
    return FusedScan.of(in).map(fused -> fused.compute(in)).orElseGet(() -> plain(in, chunk));
  }

  /** Computes {@link #of} by LibTorch's operators. */
  static Output plain(SelectiveInput in, int chunk) {
    Output output = chunked(in.scan(), chunk);
    return new Output(in.skipping(output.y()), output.state());
  }

  /**
   * Computes any number of tokens, some at once.
   *
   * @param in x and dt [batch, time, inner], a [inner, state], b and c [batch, time, state], the
   *     initial state [batch, inner, state]
   * @param chunk the tokens whose states exist at the same time
   */
  static Output chunked(ScanInput in, int chunk) {
    return ChunkedScan.compute(in, chunk);
  }

  /**
   * Computes {@link #of} for a single token, for decoding.
   *
   * @param inPlace whether the initial state becomes the one after it
   */
  static Output step(SelectiveInput in, boolean inPlace) {
    Output output = step(in.scan(), inPlace);
    return new Output(in.skipping(output.y()), output.state());
  }

  /** Computes a single token as the recurrence says. */
  static Output step(ScanInput in, boolean inPlace) {
    ScalarType accumulationType = Tensors.type(in.dt());
    Tensor dt = in.dt().squeeze(1).unsqueeze(-1);
    Tensor x = Tensors.cast(in.x().squeeze(1), accumulationType).unsqueeze(-1);
    Tensor b = Tensors.cast(in.b(), accumulationType);
    Tensor c = Tensors.cast(in.c().squeeze(1), accumulationType).unsqueeze(-1);
    Tensor values = x.mul(dt);
    Tensor decay = dt.mul(in.a()).exp();
    Tensor state =
        in.initial()
            .map(i -> (inPlace ? i.mul_(decay) : i.mul(decay)).addcmul_(values, b))
            .orElseGet(() -> values.mul(b));
    Tensor y = state.matmul(c).squeeze(-1);
    return new Output(Tensors.cast(y, Tensors.type(in.x())).unsqueeze(1), state);
  }
}
