package dev.hydra.cli;

import picocli.CommandLine.Command;

/** Compares models on tasks. */
@Command(
    name = "experiment",
    description = "Compares models on tasks: equal sizes, learning rates swept, several seeds.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "list | run",
    subcommands = {ExperimentListCommand.class, ExperimentRunCommand.class})
final class ExperimentCommand extends CommandGroup {}
