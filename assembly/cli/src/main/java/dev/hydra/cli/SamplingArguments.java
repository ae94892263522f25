package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.inference.Sampling;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** How tokens are drawn. */
final class SamplingArguments {
  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0 always takes the likeliest token (default: ${DEFAULT-VALUE}).")
  private double temperature = 0.8;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Only the K likeliest tokens; 0: all (default: ${DEFAULT-VALUE}).")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Only the likeliest tokens that reach probability P (default: 1).")
  private double topP = 1;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description = "Only tokens at least P times as likely as the likeliest one (default: 0).")
  private double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "R",
      description =
          "What logits of tokens that occurred are divided by; above 1 makes them rarer (default:"
              + " 1).")
  private double repetition = 1;

  @Option(
      names = "--presence-penalty",
      paramLabel = "X",
      description = "What is taken off the logits of tokens that were drawn (default: 0).")
  private double presence;

  @Option(
      names = "--frequency-penalty",
      paramLabel = "X",
      description =
          "What is taken off the logits of tokens for each time they were drawn (default: 0).")
  private double frequency;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Another seed, another text (default: ${DEFAULT-VALUE}).")
  private long seed;

  /** The settings; a command that was given some which do nothing says so. */
  Sampling sampling(CommandSpec command) {
    if (temperature == 0) {
      for (String option : List.of("--top-k", "--top-p", "--min-p", "--seed")) {
        NoEffect.warn(command, option, "--temperature 0 always takes the likeliest token");
      }
    }
    try {
      return new Sampling(
          temperature, topK, topP, minP, repetition, presence, frequency, Map.of(), seed);
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }
}
