package dev.hydra.ffn.dense;

import dev.hydra.api.FeedForward;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * {@code y = (f(x G) * (x U)) D}, the gated linear units of Shazeer 2020, arXiv 2002.05202, eq. 6.
 */
final class GatedFeedForward implements FeedForward {
  private final Affine gate;
  private final Affine up;
  private final Affine down;
  private final UnaryOperator<Tensor> activation;

  GatedFeedForward(Site site, UnaryOperator<Tensor> activation) {
    int hidden = DenseOptions.gatedHidden(site);
    gate = Affine.of(site, "gate_proj", DenseOptions.inner(), hidden, site.width());
    up = Affine.of(site, "up_proj", DenseOptions.inner(), hidden, site.width());
    down = Affine.of(site, "down_proj", DenseOptions.outer(site), site.width(), hidden);
    this.activation = activation;
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    return down.apply(activation.apply(gate.apply(x)).mul(up.apply(x)));
  }
}
