package dev.hydra.cli;

import picocli.CommandLine;

/**
 * Hands a full heap to those who tell of failures: it is an error in Java, and picocli leaves
 * errors to the thread, which would print its stack.
 *
 * @param inner what runs the command
 */
record FullHeap(CommandLine.IExecutionStrategy inner) implements CommandLine.IExecutionStrategy {
  @Override
  public int execute(CommandLine.ParseResult parsed) {
    try {
      return inner.execute(parsed);
    } catch (OutOfMemoryError e) {
      CommandLine line = parsed.commandSpec().commandLine();
      throw new CommandLine.ExecutionException(line, String.valueOf(e.getMessage()), e);
    }
  }
}
