package dev.hydra.cli;

import java.io.IOException;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;

/**
 * Runs a command and fails it if what it printed could not be written, or it would seem done. A
 * reader that has ended had what it wanted: that is not a failure.
 *
 * @param inner what runs the command
 * @param output where the command prints to
 */
record OutputCheck(CommandLine.IExecutionStrategy inner, Output output)
    implements CommandLine.IExecutionStrategy {
  @Override
  public int execute(CommandLine.ParseResult parsed) {
    int code = inner.execute(parsed);
    CommandLine line = parsed.commandSpec().commandLine();
    line.getOut().flush();
    IOException failure = output.failure().orElse(null);
    if (failure == null || Output.readerEnded(failure)) {
      return code;
    }
    line.getErr().println("hydra: the output could not be written: " + failure.getMessage());
    return code == ExitCode.OK ? ExitCode.SOFTWARE : code;
  }
}
