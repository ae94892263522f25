package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The gated delta rule token by token as the paper writes it, with S [valueDim, keyDim] (arXiv
 * 2412.06464, equation 10); LibTorch differentiates it.
 */
final class NaiveDeltaRule {
  private NaiveDeltaRule() {}

  static GatedDeltaRule.Output of(GatedDeltaRule.Input in) {
    long batch = in.v().size(0);
    long heads = in.v().size(2);
    Tensor[] rows = new Tensor[(int) batch];
    Tensor[] states = new Tensor[(int) batch];
    for (int b = 0; b < batch; b++) {
      Tensor[] perHead = new Tensor[(int) heads];
      Tensor[] last = new Tensor[(int) heads];
      for (int h = 0; h < heads; h++) {
        Tensor[] both = sequence(in, b, h);
        perHead[h] = both[0];
        last[h] = both[1];
      }
      rows[b] = Tensors.stack(1, perHead);
      states[b] = Tensors.stack(0, last);
    }
    return new GatedDeltaRule.Output(Tensors.stack(0, rows), Tensors.stack(0, states));
  }

  /** The outputs of one head [time, valueDim] and its last state [keyDim, valueDim]. */
  private static Tensor[] sequence(GatedDeltaRule.Input in, long b, long h) {
    Tensor q = in.q().select(0, b).select(1, h);
    Tensor k = in.k().select(0, b).select(1, h);
    Tensor v = in.v().select(0, b).select(1, h);
    Tensor alpha = in.log().select(0, b).select(1, h).exp();
    Tensor beta = Tensors.mul(in.strength().select(0, b).select(1, h).sigmoid(), in.most());
    Tensor zero = Tensors.zeros(v, v.size(1), k.size(1));
    Tensor one = torch.eye(k.size(1), Tensors.like(k, Tensors.type(k)));
    Optional<long[]> documents = in.documents().map(d -> Tensors.integers(d.select(0, b)));
    Tensor state = in.initial().map(s -> s.select(0, b).select(0, h).t()).orElse(zero);
    Tensor[] y = new Tensor[(int) q.size(0)];
    for (int t = 0; t < y.length; t++) {
      int now = t;
      if (now > 0 && documents.map(d -> d[now] != d[now - 1]).orElse(false)) {
        state = zero;
      }
      Tensor key = k.select(0, t);
      Tensor kept = one.sub(torch.outer(key, key).mul(beta.select(0, t)));
      Tensor written = torch.outer(v.select(0, t), key).mul(beta.select(0, t));
      state = state.matmul(kept).mul(alpha.select(0, t)).add(written);
      y[t] = state.matmul(q.select(0, t));
    }
    return new Tensor[] {Tensors.stack(0, y), state.t()};
  }
}
