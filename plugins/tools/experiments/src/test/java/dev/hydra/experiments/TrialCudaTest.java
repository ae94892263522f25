package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.graphs.CapturedForward;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.tasks.Example;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * Validations and tests whose forward is replayed from a CUDA graph, and trainings that are
 * repeated.
 */
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

  /**
   * Queries meet keys of more than two blocks of LibTorch's FlashAttention, whose backward has no
   * order unless it is asked for; with heads of 8 there are no kernels of this project.
   */
  @Test
  void aTrainingGivesTheSameAgain(@TempDir Path folder) throws IOException {
    Study study =
        Studies.read(
            "",
            true,
            "experiment.tasks.copy.length=1500",
            "experiment.precision=bf16",
            "experiment.steps=10");
    TrialResult first = wide(study, folder.resolve("first"));
    TrialResult again = wide(study, folder.resolve("again"));
    assertEquals(first.curve(), again.curve());
    assertEquals(first.test(), again.test());
  }

  private TrialResult wide(Study study, Path results) throws IOException {
    StudyListener listener =
        new StudyListener() {
          @Override
          public void ended(Trial trial, TrialResult result, boolean cached, int number, int of) {}

          @Override
          public void warned(String message) {
            throw new AssertionError(message);
          }
        };
    return new StudyRun(study, Studies.COMPONENTS, device, new TrialCache(results), listener)
        .run(() -> false)
        .orElseThrow()
        .get(0)
        .seeds()
        .get(1);
  }
}
