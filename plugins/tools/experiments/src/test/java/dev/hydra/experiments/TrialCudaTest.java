package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.graphs.CapturedForward;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.tasks.Example;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** Validations and tests whose forward is replayed from a CUDA graph. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class TrialCudaTest {
  private final Device device = Devices.choose("cuda:0");

  @Test
  void accuraciesAreThoseOfForwardsThatAreIssued() {
    Study study = Studies.read("", false);
    StudyTask task = study.tasks().get(0);
    Examples examples = new Examples(task, study.budget());
    List<String> warnings = new ArrayList<>();
    try (Model model =
            Model.build(
                study.models().get(0).spec(task, 0),
                Studies.COMPONENTS,
                new Placement(device, ScalarType.BFloat16),
                3);
        CapturedForward forward =
            new CapturedForward(
                device, tokens -> Accuracy.hidden(model, tokens), () -> true, warnings::add)) {
      for (int round = 0; round < 3; round++) {
        for (int condition = 0; condition < 2; condition++) {
          List<Example> own = examples.test(condition);
          int length = task.task().conditions().get(condition).length();
          assertEquals(
              Accuracy.of(model, tokens -> Accuracy.hidden(model, tokens), own, length, 5),
              Accuracy.of(model, forward::run, own, length, 5));
          assertThat(forward.captured()).isTrue();
        }
      }
    }
    assertThat(warnings).isEmpty();
  }
}
