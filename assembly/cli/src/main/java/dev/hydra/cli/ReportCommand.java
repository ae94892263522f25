package dev.hydra.cli;

import dev.hydra.cli.compare.Comparison;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Reports on one run. */
@Command(
    name = "report",
    description = {
      "Shows what a run has reached, and its curves with --html: losses, speed, learning rate, what"
          + " components observe, swaps and stages.",
      "The run may be under way."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class ReportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ReportOutput output;

  @Parameters(paramLabel = "RUN", description = "A run folder.")
  private Path run;

  @Override
  public Integer call() throws IOException {
    output.write(Comparison.of(List.of(run)), spec.commandLine().getOut());
    return 0;
  }
}
