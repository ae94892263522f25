package dev.hydra.cli;

import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A command that does nothing itself, and names its subcommands where none is given. */
abstract class CommandGroup implements Runnable {
  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  CommandSpec spec;

  @Override
  public final void run() {
    String names =
        spec.subcommands().values().stream()
            .map(CommandLine::getCommandName)
            .distinct()
            .collect(Collectors.joining(", "));
    throw new ParameterException(
        spec.commandLine(), spec.qualifiedName() + " needs a command: " + names);
  }
}
