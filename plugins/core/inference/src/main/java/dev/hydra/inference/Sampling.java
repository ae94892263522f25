package dev.hydra.inference;

/**
 * The settings by which the next token is sampled.
 *
 * @param temperature what logits are divided by; 0 always takes the likeliest token
 * @param topK only the k likeliest tokens; 0 for all
 * @param topP only the likeliest tokens that together reach this probability (nucleus sampling,
 *     arXiv 1904.09751); 1 for all
 * @param seed what random numbers start from
 */
public record Sampling(double temperature, int topK, double topP, long seed) {
  /** Checks the ranges. */
  public Sampling {
    if (!(temperature >= 0 && Double.isFinite(temperature))
        || topK < 0
        || !(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException(
          "temperature must be at least 0 and finite, top-k at least 0 and top-p above 0 and at"
              + " most 1");
    }
  }
}
