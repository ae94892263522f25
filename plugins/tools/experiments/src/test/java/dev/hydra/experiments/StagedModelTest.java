package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.trainer.step.TrainingStep;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class StagedModelTest {
  private static final String STAGES =
      """
      experiment.models.wide {
        stages = [
          { until = 0.3, model { depth = 1, block.paths = [ { ffn { type = swiglu, hidden = 32 } } ] } }
          { until = 0.5, grow-in = 0.1, model.depth = 1 }
        ]
        grow-in = 0.2
        model.depth = 2
      }
      """;

  @Test
  void theModelIsThatOfEachStageAndThenTheWhole() {
    Study study = Studies.read(STAGES, false);
    StudyTask task = study.tasks().get(0);
    StudyModel wide = study.models().get(0);
    Trial trial = new Trial(task, wide, 1e-3, 20, 0);
    Examples examples = new Examples(task, study.budget());
    List<Integer> sites = new ArrayList<>();
    List<Integer> changes = new ArrayList<>();
    try (Model model =
            Model.build(
                wide.spec(task, 0),
                Studies.COMPONENTS,
                new Placement(Devices.cpu(), ScalarType.Float),
                0);
        TrainingStep training =
            new TrainingStep(
                model, study.optimizer(1e-3), Recompute.NONE, GraphMode.OFF, warning -> {});
        TrainingBatches batches = new TrainingBatches(examples, 0, study.budget());
        StagedModel staged = new StagedModel(trial, model, training)) {
      for (int step = 0; step < 20; step++) {
        if (staged.at(step)) {
          changes.add(step);
        }
        sites.add(model.slots().size());
        assertThat(training.run(i -> batches.next(), 1, 1e-3).finite()).isTrue();
      }
      assertEquals(wide.spec(task), model.spec());
    }
    // A feed-forward, then attention before it, then both twice.
    assertEquals(List.of(1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4), sites.subList(0, 11));
    assertEquals(List.of(6, 8, 10, 14), changes, "stages begin, and what is new has grown in");
  }

  @Test
  void flopsAreThoseOfEachStageForItsSteps() {
    ModelSize staged = size(STAGES);
    ModelSize feedForward =
        size(
            """
            experiment.models.wide.model { depth = 1,
              block.paths = [ { ffn { type = swiglu, hidden = 32 } } ] }
            """);
    ModelSize oneBlock = size("experiment.models.wide.model.depth = 1");
    ModelSize whole = size("experiment.models.wide.model.depth = 2");
    assertEquals(
        0.3 * feedForward.wholeFlops() + 0.2 * oneBlock.wholeFlops() + 0.5 * whole.wholeFlops(),
        staged.wholeFlops(),
        1e-9 * whole.wholeFlops());
    assertEquals(whole.parameters(), staged.parameters());
    assertEquals(whole.activeParameters(), staged.activeParameters());
    assertEquals(whole.steps(), staged.steps());
  }

  @Test
  void stagesOfFewerFlopsAreGivenMoreSteps() {
    ModelSize staged = size(STAGES + "experiment.equal { to = narrow, flops-by-steps = true }");
    ModelSize whole =
        size(
            "experiment { models.wide.model.depth = 2, equal { to = narrow, flops-by-steps = true }"
                + " }");
    assertThat(staged.steps()).isGreaterThan(whole.steps());
  }

  /** Returns the size of the first model. */
  private static ModelSize size(String more) {
    Study study = Studies.read("experiment.equal { parameters = 9, flops = 9 }\n" + more, false);
    return study.sizes().check(study, Studies.COMPONENTS).get(0);
  }

  @Test
  void mistakesAreNamedBeforeTraining() {
    assertThat(problem("stages = [{ until = 2 }]")).contains("stages[0].until", "between 0 and 1");
    assertThat(problem("stages = [{ until = 0.5 }, { until = 0.4 }]"))
        .contains("stages[1].until", "later");
    assertThat(problem("stages = 3")).contains("list of objects");
    assertThat(problem("stages = [{ until = 0.5, model.block.paths = [{ mixer.type = none }] }]"))
        .contains("none");
  }

  @Test
  void stagesThatTrainingRefusesAreRefused() {
    String first = "experiment.models.wide.stages[0]";
    assertThat(problem("stages = [{ until = 0.5, model.width = 8 }]"))
        .contains(first + ".model.width: cannot change between stages");
    assertThat(problem("stages = [{ until = 0.5, model.vocab-size = 16 }]"))
        .contains(first + ".model.vocab-size: cannot change between stages");
    assertThat(problem("stages = [{ until = 0.5, grow-in = 0.1 }]"))
        .contains(first + ".grow-in: has nothing to grow into");
    assertThat(problem("stages = [{ until = 0.5 }, { until = 0.7, grow-in = 0.3 }]"))
        .contains("stages[1].grow-in: is 0.3, but the stage has only 0.2 of all steps");
    assertThat(problem("grow-in = 0.1"))
        .contains("experiment.models.wide.grow-in: has nothing to grow into");
    Studies.read(
        """
        experiment.models.wide.stages = [
          { until = 0.6, model.width = 16 }, { until = 0.7, grow-in = 0.1 } ]
        """,
        false); // the same width, and all of the stage
  }

  @Test
  void stagesWithoutAStepAreRefused() {
    assertThat(problem("stages = [{ until = 0.008 }]"))
        .contains("experiment.models.wide: stages[0] has no step: 0.008 of 60 steps");
    assertThat(problem("stages = [{ until = 0.5 }, { until = 0.501 }]"))
        .contains("stages[1] has no step");
    assertThat(problem("stages = [{ until = 0.996 }]"))
        .contains("the whole model, after its stages, has no step: 0.004 of 60 steps");
  }

  private static String problem(String more) {
    return assertThrows(
            ConfigException.class,
            () -> {
              Study study = Studies.read("experiment.models.wide { " + more + " }", false);
              study.sizes().check(study, Studies.COMPONENTS);
            })
        .getMessage();
  }
}
