package dev.hydra.trainer.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.Trials;
import java.util.Random;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** A step that is given up between two forwards leaves nothing behind, replayed or not. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class GivenUpStepCudaTest {
  private static final int STEPS = 8;
  private static final int FORWARDS = 3;

  private static final Experiment EXPERIMENT =
      Trials.experiment(
          "model.width = 32, model.block.paths = [ { mixer { type = mamba2, state = 16, head-dim ="
              + " 16, chunk = 16 } } ]");

  private static Model model() {
    Placement placement = new Placement(new Device("cuda:0"), ScalarType.BFloat16);
    return Model.build(EXPERIMENT.model(), Trials.COMPONENTS, placement, 1);
  }

  private static TrainingStep step(Model model) {
    return new TrainingStep(
        model, EXPERIMENT.optimizer(), Recompute.NONE, GraphMode.AUTO, warning -> {});
  }

  private static Tensor windows(long seed) {
    return Tensor.create(new Random(seed).longs(2 * 65, 0, 256).toArray(), 2, 65);
  }

  @Test
  void theNextStepHasNothingOfIt() {
    try (Model plain = model();
        Model stopped = model();
        TrainingStep whole = step(plain);
        TrainingStep interrupted = step(stopped)) {
      for (int i = 0; i < STEPS; i++) {
        long first = 100L * i;
        int[] asked = {0};
        assertTrue(
            interrupted
                .launch(each -> windows(-first - each), FORWARDS, 1e-2, () -> asked[0]++ == 1)
                .isEmpty());
        assertEquals(2, asked[0], "after the second forward");
        assertEquals(
            whole.run(each -> windows(first + each), FORWARDS, 1e-2),
            interrupted.run(each -> windows(first + each), FORWARDS, 1e-2),
            "step " + i);
      }
      assertTrue(interrupted.captured());
      DeviceStepTest.assertSame(
          DeviceStepTest.contents(plain, whole.optimizer()),
          DeviceStepTest.contents(stopped, interrupted.optimizer()));
    }
  }
}
