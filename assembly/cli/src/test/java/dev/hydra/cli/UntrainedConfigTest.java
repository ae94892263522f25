package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whoever names trained weights means to use them, which a new training does not. */
class UntrainedConfigTest {
  @TempDir Path folder;

  @Test
  void aModelIsNotTrainedFromScratchInSilence() throws IOException {
    Path config = Files.createFile(folder.resolve("config.conf"));
    Path weights = Files.createFile(folder.resolve("model.safetensors"));
    run("train", folder)
        .refused(
            2, folder + " holds a trained model, model.safetensors, but train begins with random");
    run("train", config).refused(2, weights + " lies beside " + config + ", but train begins with");
    Files.delete(config);
    run("train", folder).refused(2, "hydra import hf " + folder + " --out MODEL");
  }

  @Test
  void aRunIsResumed() throws IOException {
    Path run = TinyModel.train(folder);
    run("train", run).refused(2, "go on with it by hydra train --resume --run-dir " + run);
    Path checkpoint = run.resolve("checkpoints").toFile().listFiles()[0].toPath();
    run("train", checkpoint).refused(2, checkpoint + " holds a trained model");
    assertThat(
            run("train", run.resolve("config.conf"), "--run-dir", folder.resolve("again")).code())
        .as("the configuration of a run, to begin anew")
        .isZero();
  }

  @Test
  void anyOtherFolderIsNotAConfiguration() throws IOException {
    run("train", folder).refused(2, folder + " is a folder; name a configuration");
    Path config = Files.createFile(folder.resolve("config.conf"));
    run("train", folder).refused(2, "name a configuration, such as " + config);
  }
}
