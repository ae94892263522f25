package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trainings that begin with the weights of another model. */
class InitialModelTest {
  /** Nothing is learnt with it, so that the weights stay what they were. */
  private static final String STILL =
      """
      data { files = [corpus.txt], sequence-length = 32, validation-fraction = 0.1 }
      optimizer { learning-rate = 1e-60 }
      trainer { steps = 1, batch-size = 2, evaluation { windows = 4 } }
      """;

  @TempDir Path folder;
  private Path run;
  private Path conf;

  @BeforeEach
  void train() throws IOException {
    run = TinyModel.train(folder);
    conf = Files.writeString(folder.resolve("still.conf"), STILL);
  }

  private static Path weights(Path of, int step) {
    return of.resolve("checkpoints/step-00000" + step + "/model.safetensors");
  }

  @Test
  void aRunBeginsWithThemAndGoesOnWithoutThem() throws IOException {
    Path next = folder.resolve("next");
    assertThat(run("train", conf, "--init-from", run, "--run-dir", next).done().err())
        .contains("weights: " + weights(run, 2).toRealPath());
    assertArrayEquals(Files.readAllBytes(weights(run, 2)), Files.readAllBytes(weights(next, 1)));
    assertThat(Files.readString(next.resolve("journal.jsonl")))
        .contains("\"event\":\"weights\",\"step\":0,\"from\":\"" + folder.toRealPath());
    Files.move(run, folder.resolve("gone"));
    run("train", "--resume", "--run-dir", next, "--set", "trainer.steps=2").done();
    assertArrayEquals(Files.readAllBytes(weights(next, 1)), Files.readAllBytes(weights(next, 2)));
    run("train", "--resume", "--run-dir", next, "--init-from", run)
        .refused(2, "--resume goes on from a checkpoint, --init-from begins anew");
  }

  @Test
  void theConfigurationMayNameThem() throws IOException {
    Path other = Files.createDirectory(folder.resolve("other"));
    Path named =
        Files.writeString(
            other.resolve("named.conf"),
            STILL.replace("corpus.txt", "../corpus.txt")
                + "trainer.init-from = \"../run/checkpoints/step-000002\"");
    Path next = folder.resolve("next");
    run("train", named, "--run-dir", next).done();
    assertArrayEquals(Files.readAllBytes(weights(run, 2)), Files.readAllBytes(weights(next, 1)));
  }

  @Test
  void whatDoesNotFitIsOneMessage() throws IOException {
    Path nothing = Files.createDirectory(folder.resolve("nothing"));
    Map.of(
            folder.resolve("nowhere"),
            "there is no folder",
            nothing,
            "is neither a checkpoint nor a run folder",
            conf,
            "is not a folder")
        .forEach(
            (dir, message) -> {
              var outcome = run("train", conf, "--init-from", dir, "--run-dir", nothing);
              assertThat(outcome.code()).isNotZero();
              assertThat(outcome.err()).contains(message).doesNotContain("\tat ");
            });
    Path wide =
        Files.writeString(
            folder.resolve("wide.conf"),
            TinyModel.CONFIG.replace("width = 16, depth = 2", "width = 24, depth = 3"));
    run("train", wide, "--init-from", run, "--run-dir", nothing)
        .refused(
            2,
            "--init-from: trainer.init-from: "
                + weights(run, 2).toRealPath()
                + " does not fit the model; missing: [blocks.2.")
        .refused(2, "embedding.weight [256, 16] for [256, 24]")
        .refused(2, "model.width is 16 in the checkpoint, 24 here")
        .refused(2, "Leave the part model out of the configuration");
    assertThat(nothing).as("a run that was refused leaves nothing").isEmptyDirectory();
  }

  /** A model as an import makes it: weights and configuration, with a tokenizer or without. */
  @Test
  void aModelFolderIsTrainedFromItsWeights() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    Files.copy(weights(run, 2), model.resolve("model.safetensors"));
    String config = TinyModel.CONFIG.substring(0, TinyModel.CONFIG.indexOf("data {"));
    Files.writeString(model.resolve("config.conf"), config);
    List<String> sets =
        List.of(
            "data.files=[" + folder.resolve("corpus.txt") + "]",
            "data.sequence-length=32",
            "trainer.steps=1",
            "trainer.evaluation.windows=4");
    run(arguments(model, sets)).refused(2, "there is no tokenizer in " + model.toRealPath());
    assertThat(run(arguments(model, append(sets, "data.tokenizer=bytes"))).done().err())
        .contains("weights: " + model.toRealPath().resolve("model.safetensors"));
  }

  private Object[] arguments(Path model, List<String> sets) {
    List<Object> all = new java.util.ArrayList<>(List.of("train", model));
    sets.forEach(set -> all.addAll(List.of("--set", set)));
    all.addAll(List.of("--run-dir", folder.resolve("next"), "--device", "cpu"));
    return all.toArray();
  }

  private static List<String> append(List<String> some, String more) {
    List<String> all = new java.util.ArrayList<>(some);
    all.add(more);
    return all;
  }
}
