package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Stages that cannot work are refused before the first step. */
class StageErrorsTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{ name = b, untl = 9 } | trainer.stages[1].untl: unknown key \"untl\"; did you mean \"until\"?",
        "{ name = a } | a second stage named a; give it another name",
        "{ name = b, until = 4 } | stage b ends with step 4, but begins after step 4",
        "{ name = b, until = 6 } | stage b is the last one and ends with step 6, but trainer.steps is 8; leave its until out",
        "{ name = b, until = soon } | until: must be a number of steps, such as 400, or of tokens",
        "{ name = b }, { name = c } | stage b needs until, as another one follows it",
        "{ name = b, until = 6, grow-in = 3 }, { name = c } | stage b has grow-in = 3, but only 2 steps",
        "{ name = b, model.width = 32 } | stage b: |",
        "{ name = b, model.width = 32 } | model.width: cannot change between stages, as nothing would carry over",
        "{ name = b, data.tokenizer = other } | data.tokenizer: cannot change between stages",
        "{ name = b, optimizer.type = momentum } | optimizer.type: cannot change between stages",
        "{ name = b, trainer.precision = bf16 } | trainer.precision: cannot change between stages; of trainer a stage can change [accumulate, batch-size,",
        "{ name = b, optimizer.weight-decya = 1 } | stage b: |",
        "{ name = b, \"model.block.paths[7].gate\" = 1 } | [7] is not an element: it must be a whole number from 0 to 4, or a name; there are [0] mamba2, [1]",
        "{ name = b, model.block.paths = [] } | must be a list of objects, not empty",
      })
  void whatIsWrittenWronglyIsNamed(String stage, String message) {
    ConfigException thrown =
        assertThrows(
            ConfigException.class,
            () -> Trials.experiment("trainer.stages = [ { name = a, until = 4 }, " + stage + " ]"));
    assertThat(thrown.getMessage()).contains(message);
  }

  @Test
  void whatDoesNotFitOtherStagesIsNamedWithItsPlace() {
    ConfigException thrown =
        assertThrows(
            ConfigException.class,
            () -> Trials.experiment("trainer.stages = [\n{ name = a },\n{ name = b }]"));
    assertThat(thrown)
        .hasMessage("String: 2: trainer.stages[0]: stage a needs until, as another one follows it");
    assertThat(thrown.alone()).isFalse();
  }

  @Test
  void theFirstStageHasNothingToGrowInto() {
    ConfigException thrown =
        assertThrows(
            ConfigException.class,
            () -> Trials.experiment("trainer.stages = [ { name = a, grow-in = 4 } ]"));
    assertThat(thrown.getMessage()).contains("leave grow-in out");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"model.block.paths[sparse-global].mixer.heads\" = 3 | stage b: ",
        "model.block.paths = [ { mixer = mamba4 } ] | stage b: ",
        "freeze = [\"blocks.*.mixr.*\"] | stage b: freeze: no parameter is like blocks.*.mixr.*; their names are such as [embedding.weight,",
        "freeze = [\"*\"] | stage b: freeze leaves nothing to train",
        "grow-in = 2 | stage b: grow-in is 2, but no path is new in it that could grow in",
        "grow-in = 2, data.sequence-length = 8 | stage b: grow-in is 2, but no path is new",
        "data.sequence-length = 100000 | stage b: ",
        "data.files = [nowhere.txt] | stage b: ",
      })
  void whatCannotWorkIsAnErrorBeforeTheFirstStep(String change, String message) throws IOException {
    Trials.corpus(folder);
    Events events = new Events();
    ConfigException thrown =
        assertThrows(
            ConfigException.class,
            () ->
                Trials.trainer(
                        folder,
                        folder.resolve("run"),
                        "trainer.stages = [ { name = a, until = 4 }, { name = b, "
                            + change
                            + " } ]",
                        events)
                    .close());
    assertThat(thrown.getMessage()).startsWith(message);
    assertEquals(List.of(), events.steps);
  }

  @Test
  void aCheckpointOfAStageThatIsGoneIsNotGoneOnFrom() throws IOException {
    Trials.corpus(folder);
    Path run = folder.resolve("run");
    Events events = new Events();
    String stages = "trainer.stages = [ { name = a, until = 4 }, { name = b } ]";
    try (Trainer trainer = Trials.trainer(folder, run, stages, events)) {
      trainer.run(() -> events.steps.size() == 5);
    }
    String others = "trainer.stages = [ { name = a, until = 4 }, { name = c } ]";
    try (Trainer trainer = Trials.trainer(folder, run, others, new Events())) {
      ConfigException thrown =
          assertThrows(ConfigException.class, () -> trainer.resume(UnexpectedKeys.ERROR));
      assertThat(thrown.getMessage())
          .contains(
              "the checkpoint was made in stage b, which trainer.stages does not have ([a, c])");
    }
  }

  @Test
  void aShortRunSaysWhatItDoesNotReach() throws IOException {
    Trials.corpus(folder);
    Events events = new Events();
    String stages = "trainer.steps = 2, trainer.stages = [ { name = a, until = 4 }, { name = b } ]";
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("run"), stages, events)) {
      trainer.run(() -> false);
    }
    assertEquals(2, events.steps.size());
    assertEquals(List.of("trainer.steps is 2: the stages b are never reached"), events.warnings);
  }

  @Test
  void aRunThatEndsBeforeWhatIsNewHasGrownInSaysSo() throws IOException {
    Trials.corpus(folder);
    Events events = new Events();
    String stages =
        "trainer.steps = 3, trainer.stages = [ { name = a, until = 1 }, "
            + "{ name = b, grow-in = 4, model.depth = 3 } ]";
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("run"), stages, events)) {
      trainer.run(() -> false);
    }
    assertEquals(
        List.of(
            "trainer.steps is 3: the training ends before the new paths of stage b have grown in,"
                + " which takes 4 steps from step 1"),
        events.warnings);
  }
}
