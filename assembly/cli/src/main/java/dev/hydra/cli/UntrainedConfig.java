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
 * Finds the configuration of a training from the first step on. It begins with random weights, so
 * what has weights is refused: whoever names that means to go on with them.
 */
final class UntrainedConfig {
  private UntrainedConfig() {}

  /**
   * Finds the file.
   *
   * @throws UsageException if there is none, or trained weights lie beside it
   */
  static Path find(String name) throws IOException {
    Path file;
    try {
      file = Installation.findConfig(name);
    } catch (UsageException e) {
      Path folder = Path.of(name);
      throw !name.isEmpty() && Files.isDirectory(folder) ? ofFolder(folder) : e;
    }
    Optional<Path> weights = weights(file.toAbsolutePath().resolveSibling(""));
    if (weights.isPresent()) {
      throw new UsageException(
          weights.get()
              + " lies beside "
              + file
              + ", but train begins with random weights and would not use it. For a new model of"
              + " this kind, copy the configuration elsewhere and train that");
    }
    return file;
  }

  private static UsageException ofFolder(Path folder) throws IOException {
    if (new RunFolder(folder).used()) {
      return new UsageException(
          folder
              + " is the folder of a run: go on with it by hydra train --resume --run-dir "
              + Messages.argument(folder));
    }
    Optional<Path> weights = weights(folder);
    Path config = folder.resolve(Checkpoint.CONFIG);
    if (weights.isPresent()) {
      String begin =
          folder
              + " holds a trained model, "
              + weights.get().getFileName()
              + ", but train begins with random weights and would not use it. ";
      return new UsageException(
          begin
              + (Files.exists(config)
                  ? "hydra generate --model "
                      + Messages.argument(folder)
                      + " uses it; for a new model of this kind, copy "
                      + config
                      + " elsewhere and train that"
                  : "hydra import hf "
                      + Messages.argument(folder)
                      + " --out MODEL makes a model for generate of it"));
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
