package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.swap.SwappableModel;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.Swapper;
import java.io.IOException;
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
    if (folder == null) {
      return work.apply(Optional.empty());
    }
    Terminal screen = spec.commandLine().getErr()::println;
    try (SwappableModel open = new SwappableModel(folder, model, config, plugins, screen)) {
      return work.apply(Optional.of(open.swapper()));
    }
  }
}
