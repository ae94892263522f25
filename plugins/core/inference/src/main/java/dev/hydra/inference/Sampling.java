package dev.hydra.inference;

import java.util.Map;

/**
 * The settings by which the next token is sampled. Penalties and the bias change the logits; these
 * are divided by the temperature; then top-k, top-p and min-p cut off what is not likely enough.
 *
 * @param temperature what logits are divided by; 0 always takes the likeliest token
 * @param topK only the k likeliest tokens; 0 for all
 * @param topP only the likeliest tokens that together reach this probability (nucleus sampling,
 *     arXiv 1904.09751); 1 for all
 * @param minP only tokens at least this many times as likely as the likeliest one (arXiv
 *     2407.01082); 0 for all
 * @param repetition what logits of tokens that occurred, in the prompt too, are divided by where
 *     they are positive and multiplied by where they are not (CTRL, arXiv 1909.05858); 1 for none
 * @param presence what is taken off the logits of tokens that have been drawn
 * @param frequency what is taken off the logits of tokens for each time that they have been drawn
 * @param bias what is added to the logits of tokens
 * @param seed what random numbers start from
 */
public record Sampling(
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetition,
    double presence,
    double frequency,
    Map<Integer, Double> bias,
    long seed) {
  /** Checks the ranges. */
  public Sampling {
    bias = Map.copyOf(bias);
    check(
        temperature >= 0 && Double.isFinite(temperature),
        "temperature must be at least 0 and finite");
    check(topK >= 0, "top-k must be at least 0");
    check(topP > 0 && topP <= 1, "top-p must be above 0 and at most 1");
    check(minP >= 0 && minP <= 1, "min-p must be between 0 and 1");
    check(
        repetition > 0 && Double.isFinite(repetition),
        "the repetition penalty must be above 0 and finite");
    check(Double.isFinite(presence), "the presence penalty must be finite");
    check(Double.isFinite(frequency), "the frequency penalty must be finite");
    bias.forEach(
        (token, value) -> {
          check(token >= 0, "a bias is for a token id, not for " + token);
          check(Double.isFinite(value), "the bias of token " + token + " must be finite");
        });
  }

  /** Creates settings without penalties, bias and min-p. */
  public Sampling(double temperature, int topK, double topP, long seed) {
    this(temperature, topK, topP, 0, 1, 0, 0, Map.of(), seed);
  }

  /** Returns the same settings with another seed. */
  public Sampling withSeed(long newSeed) {
    return new Sampling(
        temperature, topK, topP, minP, repetition, presence, frequency, bias, newSeed);
  }

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new IllegalArgumentException(message);
    }
  }

  /** Says whether logits depend on the tokens so far. */
  boolean penalises() {
    return repetition != 1 || presence != 0 || frequency != 0;
  }
}
