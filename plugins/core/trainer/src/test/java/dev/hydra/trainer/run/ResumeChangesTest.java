package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.hydra.api.ConfigException;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a resumed run says of what is not as it was. */
class ResumeChangesTest {
  private static final String HALF = "trainer.steps = 4";

  @TempDir Path folder;

  @BeforeEach
  void finishedRun() throws IOException {
    Trials.corpus(folder);
    try (Trainer trainer = trainer(HALF, new Events())) {
      trainer.run(() -> false);
    }
  }

  private Trainer trainer(String overrides, Events events) throws IOException {
    return Trials.trainer(folder, folder.resolve("run"), overrides, events);
  }

  private List<String> resumed(String overrides) throws IOException {
    Events events = new Events();
    try (Trainer trainer = trainer(overrides, events)) {
      trainer.resume(UnexpectedKeys.ERROR);
    }
    return events.warnings;
  }

  @Test
  void nothingLeftToDoIsSaid() throws IOException {
    assertThat(resumed(HALF)).singleElement().asString().contains("nothing left to train");
    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(() -> resumed("trainer.steps = 3"))
        .withMessageContaining("trainer.steps is 3, but 4 steps are done");
  }

  @Test
  void anEditedTextIsSaid() throws IOException {
    Path text = folder.resolve("corpus.txt");
    Files.writeString(text, Files.readString(text).replaceFirst("numbers", "letters"));
    assertThat(resumed(HALF)).anyMatch(said -> said.contains("the text has changed"));
  }

  @Test
  void changedDataIsSaid() throws IOException {
    assertThat(resumed(HALF + ", data.validation-fraction = 0.2"))
        .anyMatch(
            said -> said.contains("data.validation-fraction is 0.1 in the checkpoint, 0.2 here"));
  }

  @Test
  void aJumpOfTheLearningRateIsSaid() throws IOException {
    String said = resumed("trainer.steps = 12").get(0);
    assertThat(said).contains("the learning rate goes on with");
    String remedy =
        said.replaceFirst(".*For no jump: --set ", "").replace(" --set ", ", ").replace("=", " = ");
    assertThat(resumed("trainer.steps = 12, " + remedy)).isEmpty();
  }

  @Test
  void anEditedConfigurationIsSaidWithTheSideThatIsUsed() throws IOException {
    Path config = folder.resolve("run/config.conf");
    Files.writeString(config, "\ntrainer.batch-size = 7", StandardOpenOption.APPEND);
    assertThat(resumed(HALF))
        .anyMatch(
            said ->
                said.contains("config.conf was changed")
                    && said.contains("trainer.batch-size is 7 there, 4 here."));
    Files.writeString(config, "\n{", StandardOpenOption.APPEND);
    assertThat(resumed(HALF)).anyMatch(said -> said.contains("config.conf is not used"));
  }

  @Test
  void aModelThatCannotGoOnIsRefusedByItsKeys() {
    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(() -> resumed("trainer.steps = 8, model.width = 24"))
        .withMessageContaining("model.width is 16 in the checkpoint, 24 here:")
        .withMessageNotContaining("weight");
  }

  @Test
  void aModelThatComputesSomethingElseIsSaid() throws IOException {
    assertThat(resumed(HALF + ", model.logits-scale = 0.5"))
        .anyMatch(said -> said.contains("model.logits-scale is not set in the checkpoint, 0.5"));
  }
}
