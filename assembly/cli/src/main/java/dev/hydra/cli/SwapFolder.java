package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.swap.SwappableModel;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.Swapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** Names the folder through which the model of a command that does not train can be changed. */
final class SwapFolder {
  @Option(
      names = "--swap-dir",
      paramLabel = "DIR",
      description =
          "A folder through which components can be swapped meanwhile: hydra plugins swap JAR --run"
              + " DIR (default: none).")
  private @Nullable Path folder;

  /** Says whether a folder is named. */
  boolean named() {
    return folder != null;
  }

  /** Opens the folder for a model; null if none is named. */
  @Nullable SwappableModel open(Model model, Config config, PluginJars plugins, CommandSpec spec)
      throws IOException {
    if (folder == null) {
      return null;
    }
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new UsageException("--swap-dir names a folder, but " + folder + " is none");
    }
    Terminal screen = spec.commandLine().getErr()::println;
    return new SwappableModel(folder, model, config, plugins, screen);
  }

  /**
   * Does something with a model, whose components can be swapped meanwhile if a folder is named.
   *
   * @param work is given what exchanges them, and gives it the chance to between two forwards
   */
  <T> T during(
      Model model,
      Config config,
      PluginJars plugins,
      CommandSpec spec,
      Function<Optional<Swapper>, T> work)
      throws IOException {
    SwappableModel opened = open(model, config, plugins, spec);
    if (opened == null) {
      return work.apply(Optional.empty());
    }
    try (SwappableModel open = opened) {
      return work.apply(Optional.of(open.swapper()));
    }
  }
}
