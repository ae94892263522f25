package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StudyTest {
  @Test
  void tasksAndModelsAreInTheOrderOfTheFile() {
    Study study = Studies.read("", false);
    assertEquals(List.of("wide", "narrow"), study.models().stream().map(StudyModel::name).toList());
    assertEquals(60, study.budget().steps());
    assertEquals(2, study.seeds());
  }

  @Test
  void quickOverridesAndLeavesTheOrder() {
    assertEquals(
        List.of("wide", "narrow"),
        Studies.read("", true).models().stream().map(StudyModel::name).toList());
    assertEquals(3, Studies.read("", true).budget().steps());
    assertEquals(16, Studies.read("", true).budget().batchSize());
  }

  @Test
  void whatTheCommandLineSaysIsStrongerThanQuick() {
    Study study =
        Studies.read(
            "",
            true,
            "experiment.steps=77",
            "experiment.models.wide.model.depth=3",
            "experiment.learning-rates[0]=2e-4",
            "quick.seeds=5");
    assertEquals(77, study.budget().steps());
    assertEquals(5, study.seeds());
    assertEquals(2e-4, study.rates().get(0));
    assertEquals(3, study.models().get(0).config().getInt("depth"));
    assertEquals(List.of("wide", "narrow"), study.models().stream().map(StudyModel::name).toList());
    assertThat(
            assertThrows(ConfigException.class, () -> Studies.read("", true, "experiment.steps=0")))
        .hasMessageStartingWith("--set experiment.steps=0: experiment.steps: ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "experiment.models.wide.longest=100000",
        "experiment.models.narrow.longest=100000",
        "experiment.models.narrow.model.width=12",
        "experiment.models.narrow={longest=100000}",
        "experiment.models.narrow.model.block.paths[0].ffn.hidden=16"
      })
  void overridesLeaveTheOrder(String override) {
    assertEquals(List.of("wide", "narrow"), names(Studies.read("", false, override)));
    assertEquals(List.of("wide", "narrow"), names(Studies.read("", true, override)));
  }

  @Test
  void modelsOfTheCommandLineAloneComeLast() {
    assertEquals(
        List.of("wide", "narrow", "added"),
        names(Studies.read("", false, "experiment.models.added={model={width=8,depth=1}}")));
  }

  private static List<String> names(Study study) {
    return study.models().stream().map(StudyModel::name).toList();
  }

  @Test
  void fewerThanFourLearningRatesAreRefused() {
    assertThat(problem("experiment.learning-rates = [1e-3, 1e-2, 1e-3, 1e-2]"))
        .contains("at least 4 different numbers above 0");
  }

  @Test
  void aModelWithoutTheTokensOfATaskIsRefused() {
    assertThat(problem("experiment.models.wide.model.vocab-size = 4"))
        .contains("experiment.models.wide.model.vocab-size", "is 4", "copy has 8 tokens");
  }

  @Test
  void aModelForShorterTextsThanATaskHasIsRefused() {
    assertThat(problem("experiment.models.narrow.longest = 8"))
        .contains("experiment.models.narrow.longest", "reads 9 in its condition longer");
  }

  @Test
  void modelsOfOtherSizesAreRefused() {
    assertThat(problem("experiment.equal.parameters = 0.1"))
        .contains("experiment.equal.parameters", "narrow has", "parameters", "wide has");
    assertThat(problem("experiment.equal.flops = 0.1"))
        .contains("experiment.equal.flops", "FLOPs", "flops-by-steps");
    assertThat(problem("experiment.equal.to = wid")).contains("wide");
    assertThat(problem("experiment.equal = null"))
        .matches("(?s)String: \\d.*experiment.equal.parameters: allows a difference of 0.0500.*");
  }

  @Test
  void stepsMakeTheFlopsEqual() {
    Study study = Studies.read("experiment.equal { flops = 0.02, flops-by-steps = true }", false);
    List<ModelSize> sizes = study.sizes().check(study, Studies.COMPONENTS);
    assertEquals(60, sizes.get(0).steps());
    assertThat(sizes.get(1).steps()).isGreaterThan(100);
    assertEquals(
        sizes.get(0).wholeFlops(), sizes.get(1).wholeFlops(), 0.02 * sizes.get(0).wholeFlops());
  }

  @Test
  void anExperimentWithoutTasksOrModelsIsRefused() {
    assertThat(problem("experiment.tasks.copy = null")).contains("experiment.tasks: is required");
    assertThat(problem("experiment.models { wide = null, narrow = null }"))
        .contains("experiment.models: is required");
    assertThat(problem("experiment.tasks.copy = 3")).contains("tasks.copy: must be an object");
  }

  @Test
  void unknownKeysAreRefusedWithTheNearestOne() {
    assertThat(problem("experiment.seed = 3")).contains("seeds");
    assertThat(problem("optimizer.weight-deca = 0.1")).contains("weight-decay");
    assertThat(problem("experiment.tasks.copy.type = nxt")).contains("next");
    assertThat(problem("quick.step = 3")).contains("quick.step: ", "steps");
  }

  /** It would be another model, of which something else would be wrong. */
  @Test
  void namesThatOnlyQuickHasAreRefused() {
    assertThat(problem("quick.models.wid.model.width = 8"))
        .contains(
            "quick.models.wid: ",
            "did you mean \"wide\"?",
            "overrides what stands in experiment.models");
    assertThat(problem("quick.models.wid = null")).contains("quick.models.wid: ");
    assertThat(problem("quick.tasks.copi.length = 3")).contains("quick.tasks.copi: ", "copy");
    assertThat(problem("quick.measures.loss { type = loss }")).contains("quick.measures.loss: ");
  }

  private static String problem(String more) {
    return assertThrows(
            ConfigException.class,
            () -> {
              Study study = Studies.read(more, false);
              study.sizes().check(study, Studies.COMPONENTS);
            })
        .getMessage();
  }
}
