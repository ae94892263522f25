package dev.hydra.trainer.step;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.ParameterState;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Puts the {@linkplain ParameterState#EMA averages} of parameters into a model between two steps;
 * the parameters lie where the averages were until this is closed, and then are bit for bit as
 * before.
 */
public final class AveragedWeights implements AutoCloseable {
  private final Model model;
  private final Optimizer optimizer;

  /** Puts the averages into the model, of those parameters that have one. */
  public AveragedWeights(Model model, Optimizer optimizer) {
    this.model = model;
    this.optimizer = optimizer;
    exchange();
  }

  private void exchange() {
    Map<String, ParameterState> states = optimizer.states();
    for (Parameter parameter : model.parameters().all()) {
      ParameterState state = states.get(parameter.name());
      if (state != null) {
        exchange(parameter, state.get(ParameterState.EMA));
      }
    }
    model.parameters().adapters().merge();
  }

  private static void exchange(Parameter parameter, Tensor other) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor own = parameter.master().clone();
      parameter.master().copy_(other);
      other.copy_(own);
      if (parameter.copied()) {
        parameter.working().copy_(parameter.master());
      }
    }
  }

  @Override
  public void close() {
    exchange();
  }
}
