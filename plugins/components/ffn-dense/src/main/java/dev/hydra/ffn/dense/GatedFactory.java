package dev.hydra.ffn.dense;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.nn.GatedActivation;
import java.util.List;
import java.util.Optional;

/** What the gated feed-forwards share: all but the activation of the gate. */
abstract class GatedFactory implements ComponentFactory<FeedForward> {
  private final GatedActivation activation;

  GatedFactory(GatedActivation activation) {
    this.activation = activation;
  }

  @Override
  public final Role role() {
    return Role.FEED_FORWARD;
  }

  @Override
  public final List<Option<?>> options() {
    return DenseOptions.GATED;
  }

  @Override
  public final FeedForward create(Site site) {
    return new GatedFeedForward(site, activation);
  }

  /** Nothing. */
  @Override
  public final Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  /** Three products. Kept: the input, the gate and up, as CUDA kernels compute the rest again. */
  @Override
  public final Cost cost(Site site, Workload work) {
    double rows = work.tokens();
    double hidden = DenseOptions.gatedHidden(site);
    double flops = 3 * Cost.linear(rows, site.width(), hidden).flops();
    return new Cost(flops, rows * (site.width() + 2 * hidden), 0, 0);
  }
}
