package dev.hydra.cli;

import dev.hydra.api.Messages;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.UsageException;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Finds the configuration of a training from the first step on. Whoever names a model that has
 * weights, or the configuration beside them, means to go on with them.
 *
 * @param file the configuration
 * @param weights the folder with the weights that lie beside it, if there are any
 */
record TrainingConfig(Path file, Optional<Path> weights) {
  /**
   * Finds the file.
   *
   * @throws UsageException if there is none, or the name is that of a run or a published model
   */
  static TrainingConfig find(String name) throws IOException {
    Path folder = Path.of(name);
    Path file = folder.resolve(Checkpoint.CONFIG);
    if (!name.isEmpty() && Files.isDirectory(folder) && !known(name)) {
      if (new RunFolder(folder).used()) {
        throw new UsageException(
            folder
                + " is the folder of a run: go on with it by hydra train --resume --run-dir "
                + Messages.argument(folder)
                + ", or begin another one with its weights by hydra train CONF --init-from "
                + Messages.argument(folder));
      }
      if (weights(folder).isEmpty() || !Files.exists(file)) {
        throw notToTrain(folder, file);
      }
    } else {
      file = Installation.findConfig(name);
    }
    Path beside = file.toAbsolutePath().resolveSibling("").normalize();
    return new TrainingConfig(file, weights(beside).map(found -> beside));
  }

  /** Says whether a name is that of a configuration of the installation as well. */
  private static boolean known(String name) {
    try {
      return Files.isRegularFile(Installation.findConfig(name));
    } catch (UsageException e) {
      return false;
    }
  }

  private static UsageException notToTrain(Path folder, Path config) throws IOException {
    Optional<Path> weights = weights(folder);
    if (weights.isPresent()) {
      return new UsageException(
          folder
              + " holds a trained model, "
              + weights.get().getFileName()
              + ", but no "
              + Checkpoint.CONFIG
              + ": hydra import hf "
              + Messages.argument(folder)
              + " --out MODEL makes a model of it, and hydra train MODEL trains that");
    }
    return new UsageException(
        folder
            + " is a folder; name a configuration"
            + (Files.exists(config) ? ", such as " + config : ""));
  }

  private static Optional<Path> weights(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(
              file ->
                  String.valueOf(file.getFileName())
                      .matches("model.*\\.safetensors|pytorch_model.*\\.bin"))
          .sorted()
          .findFirst();
    }
  }
}
