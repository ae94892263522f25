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

/** Compares runs. */
@Command(
    name = "compare",
    description = {
      "Compares runs: parameters, FLOPs, speed, bits per byte, and what differs in their"
          + " configurations.",
      "Runs may be under way."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class CompareCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ReportOutput output;

  @Parameters(arity = "1..*", paramLabel = "RUN", description = "Run folders.")
  private List<Path> runs;

  @Override
  public Integer call() throws IOException {
    output.write(Comparison.of(runs), spec.commandLine().getOut());
    return 0;
  }
}
