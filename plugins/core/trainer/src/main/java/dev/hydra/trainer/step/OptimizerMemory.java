package dev.hydra.trainer.step;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.optim.ParameterState;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Asks an optimizer what memory its state takes, on the meta device, where it takes none. */
public final class OptimizerMemory {
  private OptimizerMemory() {}

  /**
   * Returns the bytes of the optimizer's state for the trained parameters of a model, moving
   * averages of parameters included.
   *
   * @param model of any device
   */
  public static double bytes(Model model, OptimizerSettings settings) {
    try (PointerScope scope = new PointerScope()) {
      List<OptimizedParameter> parameters =
          model.parameters().all().stream()
              .filter(Parameter::trained)
              .map(OptimizerMemory::onMeta)
              .toList();
      if (parameters.isEmpty()) {
        return 0;
      }
      try (Optimizer optimizer = settings.optimizer(parameters, Map.of())) {
        return optimizer.states().values().stream().mapToDouble(ParameterState::bytes).sum();
      }
    }
  }

  private static OptimizedParameter onMeta(Parameter parameter) {
    Tensor master = parameter.master().to(Devices.meta(), Tensors.type(parameter.master()));
    return new OptimizedParameter(
        parameter.name(), master, master, Optional.empty(), parameter.spec().decay());
  }
}
