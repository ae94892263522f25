package dev.hydra.inference;

import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Draws tokens from logits. */
final class Sampler {
  private final Sampling sampling;
  private final SplittableRandom random;

  /** Creates a sampler that starts from the seed of its settings. */
  Sampler(Sampling sampling) {
    this.sampling = sampling;
    this.random = new SplittableRandom(sampling.seed());
  }

  /** Draws a token. Of equal logits the smaller token counts as the likelier one. */
  int draw(double[] logits) {
    if (sampling.temperature() == 0) {
      int best = 0;
      for (int token = 1; token < logits.length; token++) {
        best = logits[token] > logits[best] ? token : best;
      }
      return best;
    }
    int[] likeliest =
        IntStream.range(0, logits.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer token) -> -logits[token]))
            .mapToInt(Integer::intValue)
            .toArray();
    int candidates =
        sampling.topK() == 0 ? logits.length : Math.min(sampling.topK(), logits.length);
    double[] weights = new double[candidates];
    for (int i = 0; i < candidates; i++) {
      weights[i] = Math.exp((logits[likeliest[i]] - logits[likeliest[0]]) / sampling.temperature());
    }
    double nucleus = sampling.topP() * Arrays.stream(weights).sum();
    double total = 0;
    int kept = 0;
    while (kept < candidates && (kept == 0 || total < nucleus)) {
      total += weights[kept++];
    }
    double target = random.nextDouble() * total;
    int chosen = 0;
    for (double sum = weights[0]; chosen < kept - 1 && sum <= target; sum += weights[chosen]) {
      chosen++;
    }
    return likeliest[chosen];
  }
}
