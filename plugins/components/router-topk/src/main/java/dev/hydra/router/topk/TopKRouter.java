package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/** Routes each token by its own hidden state. */
final class TopKRouter implements Router {
  private final Tensor weight;
  private final Choice choice;

  TopKRouter(Tensor weight, Choice choice) {
    this.weight = weight;
    this.choice = choice;
  }

  @Override
  public Routing route(Tensor x, Pass pass) {
    return choice.choose(Tensors.linear(Tensors.upcast(x), weight), 1, pass);
  }

  @Override
  public int topK() {
    return choice.topK();
  }
}
