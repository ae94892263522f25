package dev.hydra.cli;

import dev.hydra.api.ConfigException;
import dev.hydra.cli.common.UsageException;
import dev.hydra.libtorch.LibTorchException;
import dev.hydra.trainer.TrainingException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;

/**
 * Says what went wrong: one message for mistakes and mishaps that users can mend, a stack trace for
 * our own.
 */
final class Failures implements CommandLine.IExecutionExceptionHandler {
  @Override
  public int handleExecutionException(
      Exception thrown, CommandLine line, CommandLine.ParseResult result) {
    if (thrown instanceof ConfigException || thrown instanceof UsageException) {
      line.getErr().println("hydra: " + thrown.getMessage());
      return ExitCode.USAGE;
    }
    if (thrown instanceof FileSystemException file && file.getReason() == null) {
      // its message is the path alone
      line.getErr().println("hydra: " + thrown.getClass().getSimpleName() + ": " + file.getFile());
      return ExitCode.SOFTWARE;
    }
    if (thrown instanceof IOException || thrown instanceof TrainingException) {
      line.getErr().println("hydra: " + thrown.getMessage());
      return ExitCode.SOFTWARE;
    }
    line.getErr()
        .println("hydra: failed: " + LibTorchException.readable(thrown) + "\nWhere it happened:");
    thrown.printStackTrace(line.getErr());
    return ExitCode.SOFTWARE;
  }
}
