package dev.hydra.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Measures. */
@Command(
    name = "bench",
    description = "Measures how fast things are on this machine.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "components | swap | train",
    subcommands = {BenchComponentsCommand.class, BenchSwapCommand.class, BenchTrainCommand.class})
final class BenchCommand implements Runnable {
  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "hydra bench needs what to measure");
  }
}
