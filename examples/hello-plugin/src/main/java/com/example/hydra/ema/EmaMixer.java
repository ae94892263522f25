package com.example.hydra.ema;

import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Averages each channel over time, older tokens counting exponentially less, {@code y[t] = a y[t-1]
 * + (1 - a) x[t]}, with a decay {@code a} that each channel learns.
 *
 * @param decayLogit float32 [width]: the decay is its sigmoid
 */
record EmaMixer(Tensor decayLogit) implements Mixer {
  static final String LAST = "last";

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    Tensor logDecay = torch.log_sigmoid(decayLogit);
    Tensor scaled = Tensors.upcast(x).mul(torch.sigmoid(decayLogit.neg()));
    Tensor y = sums(scaled, logDecay, pass.documents());
    if (pass.cache().isPresent()) {
      y = resumed(y, logDecay, pass.cache().get());
    }
    return Tensors.cast(y, Tensors.type(x));
  }

  /**
   * Sums {@code y[t] = x[t] + a x[t-1] + a^2 x[t-2] + ...} within documents, in log2(time) rounds:
   * with the last {@code span} terms summed at every token, one shift by {@code span} sums twice as
   * many.
   */
  private static Tensor sums(Tensor x, Tensor logDecay, Optional<Tensor> documents) {
    long time = x.size(1);
    Tensor y = x;
    for (long span = 1; span < time; span *= 2) {
      Tensor earlier = Tensors.slice(y, 1, 0, time - span);
      if (documents.isPresent()) {
        Tensor document = documents.get();
        Tensor same =
            Tensors.slice(document, 1, span, time).eq(Tensors.slice(document, 1, 0, time - span));
        earlier = earlier.mul(same.unsqueeze(-1));
      }
      Tensor decayed = earlier.mul(Tensors.mul(logDecay, span).exp());
      y = y.add(Tensors.pad(decayed, 1, span, 0));
    }
    return y;
  }

  /** Adds what the tokens before this forward still count, and leaves the newest average. */
  private static Tensor resumed(Tensor sums, Tensor logDecay, StateCache cache) {
    long time = sums.size(1);
    Tensor y = sums;
    if (cache.get(LAST).isPresent()) {
      Tensor age = Tensors.range(1, time + 1, sums).unsqueeze(-1); // [time, 1]
      Tensor last = cache.get(LAST).get().unsqueeze(1); // [batch, 1, width]
      y = y.add(age.mul(logDecay).exp().mul(last));
    }
    cache.put(LAST, y.select(1, time - 1).clone());
    return y;
  }
}
