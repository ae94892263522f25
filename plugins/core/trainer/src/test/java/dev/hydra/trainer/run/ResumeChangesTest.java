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
    return resumed(folder.resolve("run"), overrides);
  }

  private List<String> resumed(Path run, String overrides) throws IOException {
    Events events = new Events();
    try (Trainer trainer = Trials.trainer(folder, run, overrides, events)) {
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

  private static final String SEVERAL =
      """
      trainer.steps = 4
      data = none # hides what is set by default
      data = {
        sequence-length = 32, validation-fraction = 0.1
        sources = [{ files = [FOLDER/one.txt] }, { files = FOLDER/corpus.txt, weight = 2 }]
        validation { wiki { files = [FOLDER/wiki.txt] } }
      }
      """;

  private static void texts(Path folder) throws IOException {
    Trials.corpus(Files.createDirectories(folder));
    Files.writeString(folder.resolve("one.txt"), "one text of a few words\n".repeat(300));
    Files.writeString(folder.resolve("wiki.txt"), "a text to score on\n".repeat(100));
  }

  private static String several(Path folder) {
    return SEVERAL.replace("FOLDER", folder.toString());
  }

  /**
   * The same texts in another folder are the same; other texts in files of the same name are not.
   */
  @Test
  void filesOfSourcesAndOfTextsToScoreOnAreToldByTheirContent() throws IOException {
    Path run = folder.resolve("several");
    Path first = folder.resolve("first");
    texts(first);
    try (Trainer trainer = Trials.trainer(folder, run, several(first), new Events())) {
      trainer.run(() -> false);
    }
    Path second = folder.resolve("second");
    texts(second);
    assertThat(resumed(run, several(second)))
        .singleElement()
        .asString()
        .contains("nothing left to train");
    Files.writeString(second.resolve("one.txt"), "another text of a few words\n".repeat(300));
    assertThat(resumed(run, several(second)))
        .anyMatch(said -> said.contains("the text has changed"))
        .noneMatch(said -> said.contains("data.validation"));
    texts(second);
    Files.writeString(second.resolve("wiki.txt"), "another text to score on\n".repeat(100));
    assertThat(resumed(run, several(second)))
        .anyMatch(said -> said.startsWith("the text of data.validation.wiki has changed"))
        .noneMatch(said -> said.contains("the text has changed"));
    texts(second);
    assertThat(resumed(run, several(second).replace("weight = 2", "weight = 3")))
        .anyMatch(said -> said.contains("data.sources[1].weight is 2 in the checkpoint, 3 here"));
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
