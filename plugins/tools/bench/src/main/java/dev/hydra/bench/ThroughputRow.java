package dev.hydra.bench;

import java.util.OptionalLong;

/**
 * How fast a model is at a length.
 *
 * @param model its name
 * @param pass what was timed
 * @param tokens of the text
 * @param tokensPerSecond how many it takes; 0 if the memory was not enough
 * @param peakBytes the most memory that was taken; empty where that is not known
 */
public record ThroughputRow(
    String model,
    Throughput.Pass pass,
    int tokens,
    double tokensPerSecond,
    OptionalLong peakBytes) {
  /** Returns this row without its memory. */
  public ThroughputRow withoutPeak() {
    return new ThroughputRow(model, pass, tokens, tokensPerSecond, OptionalLong.empty());
  }

  /** Says whether the memory was enough. */
  public boolean fits() {
    return tokensPerSecond > 0;
  }
}
