package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whoever names trained weights means to use them. */
class TrainingConfigTest {
  @TempDir Path folder;

  @Test
  void aPublishedModelIsImportedFirst() throws IOException {
    Files.createFile(folder.resolve("model.safetensors"));
    run("train", folder).refused(2, "hydra import hf " + folder + " --out MODEL");
  }

  @Test
  void aRunIsResumed() throws IOException {
    Path run = TinyModel.train(folder);
    run("train", run).refused(2, "go on with it by hydra train --resume --run-dir " + run);
    Path checkpoint = run.resolve("checkpoints").toFile().listFiles()[0].toPath();
    assertThat(
            run("train", run.resolve("config.conf"), "--run-dir", folder.resolve("again"))
                .done()
                .err())
        .as("the configuration of a run, to begin anew")
        .doesNotContain("weights:");
    for (Path named : List.of(checkpoint, checkpoint.resolve("config.conf"))) {
      assertThat(
              run("train", named, "--run-dir", folder.resolve("on-" + named.getFileName()))
                  .done()
                  .err())
          .contains("weights: " + checkpoint.toRealPath().resolve("model.safetensors"));
    }
  }

  @Test
  void anyOtherFolderIsNotAConfiguration() throws IOException {
    run("train", folder).refused(2, folder + " is a folder; name a configuration");
    Path config = Files.createFile(folder.resolve("config.conf"));
    run("train", folder).refused(2, "name a configuration, such as " + config);
  }
}
