package dev.hydra.cli;

import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The top-level command. */
@Command(
    name = "hydra",
    description = "Composes hybrid language models from plugins, trains and runs them.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:failed",
      "2:wrong use or configuration",
      "130:interrupted (143: terminated), after writing a checkpoint"
    },
    subcommands = {
      TrainCommand.class,
      EvalCommand.class,
      GenerateCommand.class,
      ScoreCommand.class,
      InspectCommand.class,
      ImportCommand.class,
      ExportCommand.class,
      ConfigCommand.class,
      PluginsCommand.class,
      BenchCommand.class,
      DoctorCommand.class,
      GenerateCompletion.class
    })
final class HydraCommand implements Runnable {
  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "hydra needs a command");
  }
}
