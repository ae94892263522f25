package dev.hydra.trainer.step;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.trainer.step.Gradients.HandedOver;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A step in which the host looks at the results and decides whether to update. */
final class HostStep implements StepPlan {
  @Override
  public Optional<StepInFlight> launch(StepParts parts, Inputs inputs) {
    try (PointerScope scope = new PointerScope()) {
      parts.gradients().clearTables();
      parts.clear();
      Accumulation accumulation = new Accumulation(parts, inputs.forwards());
      Device device = parts.model().placement().device();
      for (int i = 0; i < inputs.forwards(); i++) {
        if (inputs.givenUpBefore(i)) {
          return Optional.empty();
        }
        int number = i;
        Scopes.run(
            () -> accumulation.run(inputs.windows().apply(number).to(device, ScalarType.Long)));
        List<HandedOver> left = parts.gradients().take();
        parts.gradients().addRows(HandedOver.tables(left));
        left.forEach(HandedOver::close);
      }
      Tensor norm = parts.clip().clip();
      double[] losses = Tensors.numbers(parts.sums().losses());
      StepMetrics measured = new StepMetrics(losses[0], losses[1], Tensors.number(norm));
      if (measured.finite()) {
        inputs.beforeUpdate().run();
        parts.optimizer().step(inputs.learningRate());
        parts.gradients().syncWorkingCopies();
        parts.model().parameters().adapters().merge();
        parts.sums().adjust(parts.model().parameters());
      }
      return Optional.of(new StepInFlight(() -> measured));
    }
  }

  @Override
  public boolean inFlight() {
    return false;
  }

  @Override
  public boolean ahead() {
    return false;
  }

  @Override
  public void changed() {}

  @Override
  public void close() {}
}
