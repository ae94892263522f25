package dev.hydra.ffn.dense;

import dev.hydra.api.FeedForward;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.libtorch.nn.GatedActivation;
import dev.hydra.libtorch.nn.Linear;
import org.bytedeco.pytorch.Tensor;

/**
 * {@code y = (f(m x G) * (x U)) D} with a fixed multiplier m (1 unless set), the gated linear units
 * of Shazeer 2020, arXiv 2002.05202, eq. 6.
 */
final class GatedFeedForward implements FeedForward {
  private final Linear gate;
  private final Linear up;
  private final Linear down;
  private final GatedActivation activation;
  private final double multiplier;

  GatedFeedForward(Site site, GatedActivation activation) {
    int hidden = DenseOptions.gatedHidden(site);
    gate = Linear.inner(site, "gate_proj", hidden, site.width(), site.get(DenseOptions.BIAS));
    up = Linear.inner(site, "up_proj", hidden, site.width(), site.get(DenseOptions.BIAS));
    down = Linear.outer(site, "down_proj", site.width(), hidden, site.get(DenseOptions.BIAS));
    multiplier = site.get(DenseOptions.GATE_MULTIPLIER);
    this.activation = activation;
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    return down.apply(activation.ofMaps(x, gate, up, multiplier));
  }
}
