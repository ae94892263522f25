package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.cli.compare.Run;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.watch.WatchServer;
import dev.hydra.cli.watch.WatchSettings;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelComposition;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.RunFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Shows runs on a page. */
@Command(
    name = "watch",
    description = {
      "Shows runs on a page while they go on, and finished ones: losses, speed, the model as it is"
          + " composed, what its components observe, the journal. With the key, components are"
          + " swapped and configured there, and swaps rolled back.",
      "The first line of the output is: listening on http://HOST:PORT",
      "The page for the owner, with the key, is told on standard error. Ctrl-C ends it."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class WatchCommand implements Callable<Integer> {
  private static final long LOOK_AGAIN_MILLIS = 100;

  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private ListenArguments listen = new ListenArguments(8010);

  @Parameters(arity = "1..*", paramLabel = "RUN", description = "Run folders.")
  private List<Path> runs;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description =
          "What the page asks for before it shows anything. Others on this machine can read it off"
              + " the list of processes; the variable HYDRA_API_KEY they cannot (default: that"
              + " variable; or none to look, and one that is made up for changes).")
  private @Nullable String key;

  WatchCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public Integer call() throws IOException {
    WatchSettings settings =
        new WatchSettings(listen.host(), listen.port(), ListenArguments.key(key));
    Map<String, Path> named = Run.named(runs);
    try (Interrupt interrupt = new Interrupt(spec.commandLine().getErr()::println, "ending");
        WatchServer server =
            new WatchServer(
                settings, named, this::describe, spec.commandLine().getErr()::println)) {
      spec.commandLine().getOut().println("listening on " + server.address());
      spec.commandLine().getOut().flush();
      spec.commandLine().getErr().println("to change runs there: " + server.ownersAddress());
      while (!interrupt.requested()) {
        Thread.sleep(LOOK_AGAIN_MILLIS);
      }
      interrupt.safe();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 0;
  }

  /** Describes the model of a run that does not train now. */
  private ModelComposition describe(Path run, long tokens) throws IOException {
    RunFolder folder = new RunFolder(run);
    List<Checkpoint> checkpoints = folder.checkpoints(); // weights are not read, so not checked
    Optional<Checkpoint> newest =
        checkpoints.isEmpty()
            ? Optional.empty()
            : Optional.of(checkpoints.get(checkpoints.size() - 1));
    Path file = newest.map(each -> each.file(Checkpoint.CONFIG)).orElse(folder.config());
    Config config = ConfigFiles.load(file, List.of());
    Components components =
        newest.isPresent()
            ? ModelFolder.components(newest.get(), config, plugins)
            : plugins.components(Map.of());
    try (PointerScope scope = new PointerScope();
        Model model =
            Model.build(
                ModelSpec.read(config),
                components,
                new Placement(Devices.meta(), ScalarType.Float),
                0)) {
      return ModelComposition.of(model, tokens);
    }
  }
}
