package dev.hydra.cli;

import picocli.CommandLine.Command;

/** Measures. */
@Command(
    name = "bench",
    description = "Measures how fast things are on this machine.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "components | generate | swap | train",
    subcommands = {
      BenchComponentsCommand.class,
      BenchGenerateCommand.class,
      BenchSwapCommand.class,
      BenchTrainCommand.class
    })
final class BenchCommand extends CommandGroup {}
