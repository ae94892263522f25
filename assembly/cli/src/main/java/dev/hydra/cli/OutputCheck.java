package dev.hydra.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;

/**
 * Runs a command and fails it if what it printed could not be written: a writer keeps such a
 * failure to itself, and the command would seem done.
 *
 * @param inner what runs the command
 */
record OutputCheck(CommandLine.IExecutionStrategy inner) implements CommandLine.IExecutionStrategy {
  @Override
  public int execute(CommandLine.ParseResult parsed) {
    int code = inner.execute(parsed);
    CommandLine line = parsed.commandSpec().commandLine();
    PrintWriter out = line.getOut();
    if (!out.checkError()) { // flushes first
      return code;
    }
    line.getErr()
        .println(
            "hydra: the output could not be written: its disk is full, or its reader has ended");
    return code == ExitCode.OK ? ExitCode.SOFTWARE : code;
  }
}
