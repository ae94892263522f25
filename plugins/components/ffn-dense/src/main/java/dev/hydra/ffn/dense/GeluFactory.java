package dev.hydra.ffn.dense;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.nn.Linear;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.global.torch;

/**
 * The classic feed-forward of GPT-2: {@code gelu(x U) D} with the exact GELU (arXiv 1606.08415).
 *
 * <p>Parameters {@code up_proj.weight} [hidden, width] and {@code down_proj.weight} [width,
 * hidden].
 */
@HydraPlugin("gelu")
public final class GeluFactory implements ComponentFactory<FeedForward> {
  /** Creates the factory, for the registry. */
  public GeluFactory() {}

  @Override
  public Role role() {
    return Role.FEED_FORWARD;
  }

  @Override
  public List<Option<?>> options() {
    return DenseOptions.PLAIN;
  }

  @Override
  public FeedForward create(Site site) {
    int hidden = DenseOptions.plainHidden(site);
    Linear up = Linear.inner(site, "up_proj", hidden, site.width(), site.get(DenseOptions.BIAS));
    Linear down =
        Linear.outer(site, "down_proj", site.width(), hidden, site.get(DenseOptions.BIAS));
    return (x, pass) -> down.apply(torch.gelu(up.apply(x)));
  }

  /** Nothing. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  /** Two products. Kept: the input, and the hidden layer before and after activation. */
  @Override
  public Cost cost(Site site, Workload work) {
    double rows = work.tokens();
    double hidden = DenseOptions.plainHidden(site);
    double flops = 2 * Cost.linear(rows, site.width(), hidden).flops();
    return new Cost(flops, rows * (site.width() + 2 * hidden), 0, 0);
  }
}
