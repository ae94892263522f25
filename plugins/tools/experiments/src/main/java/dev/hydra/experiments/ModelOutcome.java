package dev.hydra.experiments;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What came out for a model on a task.
 *
 * @param task the task
 * @param model the model
 * @param size its size there
 * @param sweep the result of each learning rate, ascending, with the first seed
 * @param rate the one that validation chose
 * @param seeds the results at that rate, by seed
 */
public record ModelOutcome(
    StudyTask task,
    StudyModel model,
    ModelSize size,
    Map<Double, TrialResult> sweep,
    double rate,
    List<TrialResult> seeds) {
  /** Copies the map and the list. */
  public ModelOutcome {
    sweep = new LinkedHashMap<>(sweep);
    seeds = List.copyOf(seeds);
  }

  /** Chooses the learning rate whose result is the best in validation. */
  static double best(Map<Double, TrialResult> sweep, Selection selection) {
    return sweep.entrySet().stream()
        .min(Map.Entry.comparingByValue(selection.bestFirst()))
        .orElseThrow()
        .getKey();
  }

  /**
   * Says whether the chosen rate is the lowest or the highest of the sweep, and not all is right:
   * then a wider sweep might do better.
   */
  public boolean atTheEdge() {
    List<Double> rates = new ArrayList<>(sweep.keySet());
    boolean edge = rate == rates.get(0) || rate == rates.get(rates.size() - 1);
    return edge && seeds.get(0).validation() < 1;
  }

  /** Returns the accuracy of a condition in the test, over seeds. */
  public Spread test(String condition) {
    return spread(seeds.stream().map(result -> result.test().getOrDefault(condition, 0.0)));
  }

  /** Returns the names of what else was measured, in order. */
  public List<String> figures() {
    return seeds.stream()
        .flatMap(result -> result.measured().figures().keySet().stream())
        .distinct()
        .toList();
  }

  /** Returns what else was measured, over the seeds that have it; at least one has. */
  public Spread figure(String name) {
    return spread(
        seeds.stream()
            .map(result -> result.measured().figures())
            .filter(figures -> figures.containsKey(name))
            .map(figures -> figures.get(name)));
  }

  /** Returns the steps that were taken, over seeds. */
  public Spread steps() {
    return spread(seeds.stream().map(result -> (double) result.steps()));
  }

  /** Returns how long a training took in seconds, over seeds. */
  public Spread seconds() {
    return spread(seeds.stream().map(TrialResult::seconds));
  }

  private static Spread spread(Stream<Double> values) {
    return Spread.of(values.toList());
  }
}
