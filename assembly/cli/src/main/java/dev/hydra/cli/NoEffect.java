package dev.hydra.cli;

import dev.hydra.cli.common.Terminal;
import picocli.CommandLine.Model.CommandSpec;

/** Tells of options that do nothing where they were given. */
final class NoEffect {
  private NoEffect() {}

  /** Warns if an option was given, default or not, which is known to do nothing. */
  static void warn(CommandSpec command, String option, String why) {
    if (isGiven(command, option)) {
      Terminal screen = command.commandLine().getErr()::println;
      screen.warned(option + " has no effect: " + why);
    }
  }

  /** Says whether an option was given, for who has work to do before it can be judged. */
  static boolean isGiven(CommandSpec command, String option) {
    return command.commandLine().getParseResult().hasMatchedOption(option);
  }
}
