package dev.hydra.composer.model;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;

/** A router to the expert of the largest logit {@code W x}, weighted with its softmax. */
@HydraPlugin("best")
public final class BestFactory implements ComponentFactory<Router> {
  @Override
  public Role role() {
    return Role.ROUTER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Router create(Site site) {
    return new Best(
        site.parameter(
            ParameterSpec.of("weight", Init.normal(0.5), site.outputs(), site.width()).inFp32()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return Cost.linear(work.tokens(), site.width(), site.outputs());
  }

  private record Best(Tensor weight) implements Router {
    @Override
    public Routing route(Tensor x, Pass pass) {
      Tensor shares = Tensors.linear(Tensors.upcast(x), weight).softmax(-1);
      if (pass.training()) {
        pass.auxiliaryLoss("balance", shares.square().mean());
      }
      if (pass.observing()) {
        pass.observe("shares", shares.mean());
      }
      Tensor expert = shares.argmax(new LongOptional(-1), true);
      return new Routing(expert, shares.gather(-1, expert));
    }

    @Override
    public int topK() {
      return 1;
    }
  }
}
