package dev.hydra.cli;

import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.common.Installation;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.trainer.run.Experiment;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Checks and shows configurations. */
@Command(
    name = "config",
    description = "Checks and shows configurations.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "check|show")
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class ConfigCommand {
  private final Components components;
  private final PluginRegistry plugins;

  ConfigCommand(Components components, PluginRegistry plugins) {
    this.components = components;
    this.plugins = plugins;
  }

  @Spec private CommandSpec spec;

  @Command(
      name = "check",
      description = "Checks a configuration and all options of plugins in it; builds nothing.",
      mixinStandardHelpOptions = true)
  int check(@Mixin ConfigArguments arguments) {
    var config = Installation.withAbsoluteData(arguments.load(), arguments.file());
    boolean experiment =
        config.hasPath("trainer") || config.hasPath("data") || config.hasPath("optimizer");
    ModelSpec model;
    if (experiment) {
      model = Experiment.read(config, plugins, Installation.dataRoots()).model();
    } else {
      ConfigFiles.allow(config, Experiment.PARTS);
      model = ModelSpec.read(config);
    }
    try (PointerScope scope = new PointerScope();
        Model built =
            Model.build(model, components, new Placement(Devices.meta(), ScalarType.Float), 0)) {
      spec.commandLine()
          .getOut()
          .println(
              arguments.file()
                  + ": in order, a "
                  + (experiment ? "training configuration" : "model")
                  + " of "
                  + built.spec().blocks().size()
                  + " blocks");
    }
    return 0;
  }

  @Command(
      name = "show",
      description = "Prints a configuration with includes and substitutions resolved.",
      mixinStandardHelpOptions = true)
  int show(@Mixin ConfigArguments arguments) {
    spec.commandLine().getOut().print(ConfigFiles.render(arguments.load()));
    spec.commandLine().getOut().flush();
    return 0;
  }
}
