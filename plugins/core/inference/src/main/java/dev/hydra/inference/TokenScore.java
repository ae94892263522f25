package dev.hydra.inference;

import java.util.List;

/**
 * A token of a text and how likely the model finds it, given those before it.
 *
 * @param token its id
 * @param logProbability the logarithm of its probability in nats, of the logits as the model gives
 *     them: temperature, penalties and bias are not in it; NaN if it was not asked for
 * @param likeliest the likeliest tokens in its place, in order; none if they were not asked for
 */
public record TokenScore(int token, double logProbability, List<Alternative> likeliest) {
  /** Copies the list. */
  public TokenScore {
    likeliest = List.copyOf(likeliest);
  }

  /** A token that could stand in a place, and the logarithm of its probability. */
  public record Alternative(int token, double logProbability) {}
}
