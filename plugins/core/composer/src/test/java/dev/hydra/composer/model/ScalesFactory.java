package dev.hydra.composer.model;

import dev.hydra.api.ChildConfig;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Option;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Experts that each scale the channels: {@code y = r x scale[e]} for the one expert routed to. */
@HydraPlugin("scales")
public final class ScalesFactory implements ComponentFactory<FeedForward> {
  private static final Option<Integer> EXPERTS =
      Option.integer("experts", "number of experts").atLeast(1).orElse(3);
  private static final Option<ChildConfig<Router>> ROUTER =
      Option.component(Role.ROUTER, "best", "what chooses the expert");

  @Override
  public Role role() {
    return Role.FEED_FORWARD;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(EXPERTS, ROUTER);
  }

  @Override
  public FeedForward create(Site site) {
    return new Scales(
        site.child(ROUTER, site.get(EXPERTS)),
        site.parameter("scale", Init.normal(1), site.get(EXPERTS), site.width()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    double elements = (double) work.tokens() * site.width();
    int idle = site.get(EXPERTS) - site.child(ROUTER, site.get(EXPERTS)).topK();
    return new Cost(2 * elements, elements, 0, (double) idle * site.width());
  }

  private record Scales(Router router, Tensor scale) implements FeedForward {
    @Override
    public Tensor forward(Tensor x, Pass pass) {
      Routing routing = router.route(x, pass);
      Tensor chosen = torch.embedding(scale, routing.experts().squeeze(-1));
      return x.mul(chosen).mul(Tensors.cast(routing.weights(), Tensors.type(x)));
    }
  }
}
