package dev.hydra.serve;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.ffn.dense.SwigluFactory;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/** A feed-forward that fails, in the given way, for more than a few tokens at once. */
@HydraPlugin("swiglu")
record FailingSwiglu(SwigluFactory good, UnaryOperator<Tensor> failure)
    implements ComponentFactory<FeedForward> {
  /** Tokens at once that do well. */
  static final int MOST = 20;

  FailingSwiglu(UnaryOperator<Tensor> failure) {
    this(new SwigluFactory(), failure);
  }

  @Override
  public Role role() {
    return good.role();
  }

  @Override
  public List<Option<?>> options() {
    return good.options();
  }

  @Override
  public FeedForward create(Site site) {
    FeedForward usual = good.create(site);
    return (x, pass) -> {
      Tensor result = usual.forward(x, pass);
      return x.size(1) > MOST ? failure.apply(result) : result;
    };
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return good.cost(site, work);
  }
}
