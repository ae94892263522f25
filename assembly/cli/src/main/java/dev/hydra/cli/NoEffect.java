package dev.hydra.cli;

import dev.hydra.cli.common.Terminal;
import picocli.CommandLine.Model.CommandSpec;

/** Tells of options that do nothing where they were given. */
final class NoEffect {
  private NoEffect() {}

  /** Warns if an option was given, default or not, which is known to do nothing. */
  static void warn(CommandSpec command, String option, String why) {
    if (command.commandLine().getParseResult().hasMatchedOption(option)) {
      Terminal screen = command.commandLine().getErr()::println;
      screen.warned(option + " has no effect: " + why);
    }
  }
}
