package dev.hydra.cli;

import picocli.CommandLine.Command;

/** Measures. */
@Command(
    name = "bench",
    description = "Measures how fast things are on this machine.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "components | swap | train",
    subcommands = {BenchComponentsCommand.class, BenchSwapCommand.class, BenchTrainCommand.class})
final class BenchCommand extends CommandGroup {}
