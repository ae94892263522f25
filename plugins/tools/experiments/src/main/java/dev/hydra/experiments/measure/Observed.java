package dev.hydra.experiments.measure;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What was seen in the test of a condition.
 *
 * @param condition its name
 * @param loss the mean negative log-likelihood of the tokens of answers, in nats
 * @param averages what components observe of a whole forward, such as {@code SITE.load}, by name:
 *     the mean over forwards, weighted by their tokens
 * @param atAnswers what they observe of each token, such as {@code SITE.gate}, by name: its values
 *     where tokens of answers are predicted
 */
public record Observed(
    String condition,
    double loss,
    Map<String, List<Double>> averages,
    Map<String, List<Double>> atAnswers) {
  /** Copies the maps. */
  public Observed {
    averages = new LinkedHashMap<>(averages);
    atAnswers = new LinkedHashMap<>(atAnswers);
  }

  /** Returns what is observed of a whole forward under a name that {@link #averages} has. */
  List<Double> average(String name) {
    return Objects.requireNonNull(averages.get(name), name);
  }
}
