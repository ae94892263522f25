package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.cli.common.Installation;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.trainer.run.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Names a configuration file and overrides of its values. */
final class ConfigArguments {
  @Parameters(
      index = "0",
      paramLabel = "CONF",
      description =
          "A configuration file, the name of one that comes with the installation, such as"
              + " quickstart or models/hydra-tiny, or the folder of a run, a checkpoint or an"
              + " imported model.")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private String name;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a value, such as trainer.steps=100. May be given several times.")
  private List<String> overrides = new ArrayList<>();

  /** The file that is meant. */
  Path file() throws IOException {
    Path folder = Path.of(name);
    if (name.isEmpty() || !Files.isDirectory(folder)) {
      return Installation.findConfig(name);
    }
    Path own = folder.resolve(Checkpoint.CONFIG);
    return Files.exists(own) ? own : ModelFolder.checkpoint(folder).file(Checkpoint.CONFIG);
  }

  /** Warns of overrides of parts that a command does not read. */
  void warnUnread(CommandSpec command, String... parts) {
    NoEffect.warn(command, overrides, parts);
  }

  /** The resolved configuration. */
  Config load() throws IOException {
    return ConfigFiles.load(file(), overrides);
  }
}
