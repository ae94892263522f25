package com.example.hydra.ema;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A mixer of type {@code ema}: each channel is averaged over time, older tokens counting
 * exponentially less, {@code y[t] = a y[t-1] + (1 - a) x[t]}, with a decay {@code a} that each
 * channel learns.
 */
@HydraPlugin("ema")
public final class EmaFactory implements ComponentFactory<Mixer> {
  static final Option<Integer> HORIZON =
      Option.integer("horizon", "tokens that an untrained channel looks back")
          .atLeast(2)
          .orElse(16);

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(HORIZON);
  }

  @Override
  public Mixer create(Site site) {
    // sigmoid(log(h - 1)) = 1 - 1 / h
    Init init = Init.constant(Math.log(site.get(HORIZON) - 1));
    return new Ema(site.parameter(ParameterSpec.of("decay_logit", init, site.width()).inFp32()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    double elements = (double) work.tokens() * site.width();
    int doublings = Long.SIZE - Long.numberOfLeadingZeros(work.tokens() - 1);
    return new Cost((1 + 2 * doublings) * elements, (1 + doublings) * elements, site.width(), 0);
  }

  /**
   * The mixer.
   *
   * @param decayLogit [width]: the decay is its sigmoid
   */
  private record Ema(Tensor decayLogit) implements Mixer {
    private static final String LAST = "last";

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
     * {@code y[t] = x[t] + a x[t-1] + a^2 x[t-2] + ...} within documents, in log2(time) rounds:
     * with the last {@code span} terms summed at every token, one shift by {@code span} sums twice
     * as many.
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
}
