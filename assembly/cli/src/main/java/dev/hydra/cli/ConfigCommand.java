package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.api.Messages;
import dev.hydra.api.Names;
import dev.hydra.api.PluginRegistry;
import dev.hydra.bench.Throughput;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.experiments.Study;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.LoraSettings;
import dev.hydra.trainer.run.StageCheck;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Checks and shows configurations. */
@Command(
    name = "config",
    description = "Checks and shows configurations.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "check | show | options")
final class ConfigCommand extends CommandGroup {
  private final Components components;
  private final PluginRegistry plugins;

  ConfigCommand(Components components, PluginRegistry plugins) {
    this.components = components;
    this.plugins = plugins;
  }

  @Command(
      name = "check",
      description = "Checks a configuration and all options of plugins in it; builds nothing.",
      mixinStandardHelpOptions = true)
  int check(@Mixin ConfigArguments arguments) throws IOException {
    Config config = withInitialModel(arguments);
    if (config.hasPath("experiment")) {
      throw new UsageException(
          arguments.file()
              + " compares models; hydra experiment run "
              + Messages.argument(arguments.file())
              + " --dry-run checks it");
    }
    boolean experiment =
        config.hasPath("trainer") || config.hasPath("data") || config.hasPath("optimizer");
    ModelSpec model;
    String stages = "";
    Optional<LoraSettings> lora = Optional.empty();
    if (experiment) {
      Experiment read = Experiment.read(config, plugins, Installation.dataRoots());
      model = read.model();
      lora = read.trainer().lora();
      StageCheck.of(read.stages(), components);
      StageCheck.growth(read.stages());
      stages = read.stages().size() > 1 ? " in " + read.stages().size() + " stages" : "";
    } else {
      ConfigFiles.allow(config, Experiment.PARTS);
      model = ModelSpec.read(config);
    }
    try (PointerScope scope = new PointerScope();
        Model built =
            Model.build(model, components, new Placement(Devices.meta(), ScalarType.Float), 0)) {
      lora.ifPresent(each -> each.adapt(built, spec.commandLine().getErr()::println));
      spec.commandLine()
          .getOut()
          .println(
              arguments.file()
                  + ": in order, a "
                  + (experiment ? "training configuration" : "model")
                  + stages
                  + " of "
                  + Messages.count(built.spec().blocks().size(), "block"));
    }
    return 0;
  }

  /** What a training would read: where there is no model in it, that which it begins with. */
  private static Config withInitialModel(ConfigArguments arguments) throws IOException {
    Path file = arguments.file();
    Config config = Installation.withAbsoluteData(arguments.load(), file);
    return config.hasPath("model")
        ? config
        : InitialModel.of(config, file, null, Optional.empty())
            .map(initial -> initial.complete(config))
            .orElse(config);
  }

  @Command(
      name = "show",
      description = "Prints a configuration with includes and substitutions resolved.",
      mixinStandardHelpOptions = true)
  int show(@Mixin ConfigArguments arguments) throws IOException {
    spec.commandLine().getOut().print(ConfigFiles.render(arguments.load()));
    spec.commandLine().getOut().flush();
    return 0;
  }

  @Command(
      name = "options",
      description = {
        "Prints every option that a configuration may have, as tables in Markdown.",
        "Those of components and other plugins: hydra plugins describe TYPE."
      },
      mixinStandardHelpOptions = true)
  int options(
      @Parameters(
              arity = "0..1",
              defaultValue = "",
              paramLabel = "PART",
              description =
                  "model, data, optimizer, trainer, generation, plugins or experiment, or an object"
                      + " in one, such as trainer.swap (default: all).")
          String part) {
    List<OptionGroup> all =
        Stream.of(
                Experiment.documentation(),
                List.of(RunPlugins.documentation()),
                Study.documentation(),
                List.of(Throughput.documentation()))
            .flatMap(List::stream)
            .toList();
    List<OptionGroup> chosen =
        all.stream()
            .filter(
                group ->
                    part.isEmpty()
                        || group.path().equals(part)
                        || group.path().startsWith(part + "."))
            .toList();
    if (chosen.isEmpty()) {
      throw new UsageException(
          Names.unknown("part", part, all.stream().map(OptionGroup::path).toList()));
    }
    var out = spec.commandLine().getOut();
    out.print(chosen.stream().map(OptionGroup::markdown).collect(Collectors.joining("\n")));
    out.flush();
    return 0;
  }
}
