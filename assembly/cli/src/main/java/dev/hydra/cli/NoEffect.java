package dev.hydra.cli;

import dev.hydra.cli.common.Terminal;
import java.util.List;
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

  /**
   * Warns of each override of a part of the configuration that a command does not read.
   *
   * @param overrides {@code key=value} each
   * @param unread the parts
   */
  static void warn(CommandSpec command, List<String> overrides, String... unread) {
    Terminal screen = command.commandLine().getErr()::println;
    for (String each : overrides) {
      for (String part : unread) {
        if (each.matches("(?s)\\s*" + part + "\\s*[.\\[=].*")) {
          screen.warned(
              String.format(
                  "--set %s has no effect: %s uses nothing of %s",
                  each, command.qualifiedName(), part));
        }
      }
    }
  }

  /** Says whether an option was given, for who has work to do before it can be judged. */
  static boolean isGiven(CommandSpec command, String option) {
    return command.commandLine().getParseResult().hasMatchedOption(option);
  }
}
