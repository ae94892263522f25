package dev.hydra.trainer.step;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.Trials;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is predicted of a model on the meta device is what a training has. */
class OptimizerMemoryTest {
  private static Model model(Experiment experiment, Device device) {
    return Model.build(
        experiment.model(), Trials.COMPONENTS, new Placement(device, ScalarType.Float), 1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "adamw",
        "adamw, moments = bf16",
        "lion",
        "muon",
        "momentum, momentum = 0.5",
        "lion }, trainer { ema { decay = 0.9 }"
      })
  void isThatOfTheOptimizerThatIsMade(String type) {
    Experiment experiment = Trials.experiment("optimizer { type = " + type + " }");
    OptimizerSettings settings = experiment.stages().get(0).optimizer();
    try (Model real = model(experiment, Devices.cpu());
        Model meta = model(experiment, Devices.meta());
        TrainingStep training = new TrainingStep(real, settings)) {
      assertEquals(training.stateBytes(), OptimizerMemory.bytes(meta, settings));
      assertEquals(training.stateBytes(), OptimizerMemory.bytes(real, settings));
    }
  }
}
