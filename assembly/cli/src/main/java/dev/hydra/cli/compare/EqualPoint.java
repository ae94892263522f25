package dev.hydra.cli.compare;

import dev.hydra.cli.page.Curve;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeSet;
import java.util.function.BiFunction;

/**
 * What runs had reached after the same number of steps, tokens or seconds: the most that all of
 * them have done.
 *
 * @param metric such as {@code validation/SET/bits_per_byte}
 * @param name the same for people
 * @param at how many steps, tokens or seconds
 * @param values of each run, by linear interpolation; empty where it has none there
 */
record EqualPoint(String metric, String name, Axis axis, double at, List<OptionalDouble> values) {
  /** The metric that runs without held-out text are compared by. */
  static final String LOSS = "train/loss";

  /**
   * Compares runs on every set of held-out text that two of them have; on the loss of training
   * where there is none.
   */
  static List<EqualPoint> of(List<Run> runs) {
    TreeSet<String> sets = new TreeSet<>();
    runs.forEach(run -> sets.addAll(run.validationSets()));
    List<EqualPoint> points = new ArrayList<>();
    for (String set : sets) {
      add(points, runs, metric(set), score(set), (run, axis) -> run.bitsPerByte(axis, set));
    }
    if (points.isEmpty()) {
      add(points, runs, LOSS, "training loss", (run, axis) -> run.steps(axis, "loss"));
    }
    return points;
  }

  /** Returns the name of the score on a set of held-out text. */
  static String metric(String set) {
    return "validation/" + set + "/bits_per_byte";
  }

  /** Returns what people read for the score on a set of held-out text. */
  static String score(String set) {
    return "bits per byte, " + set;
  }

  private static void add(
      List<EqualPoint> points,
      List<Run> runs,
      String metric,
      String name,
      BiFunction<Run, Axis, Curve> curves) {
    for (Axis axis : Axis.values()) {
      List<Curve> all = runs.stream().map(run -> curves.apply(run, axis)).toList();
      List<Curve> some = all.stream().filter(curve -> !curve.isEmpty()).toList();
      if (some.size() > 1) {
        double at = some.stream().mapToDouble(curve -> curve.last().x()).min().orElseThrow();
        points.add(
            new EqualPoint(
                metric, name, axis, at, all.stream().map(curve -> curve.at(at)).toList()));
      }
    }
  }

  /** Returns it as the values of a JSON object; null for a run that has no value there. */
  Map<String, Object> json(List<Run> runs) {
    Map<String, Object> byRun = new LinkedHashMap<>();
    for (int i = 0; i < runs.size(); i++) {
      OptionalDouble value = values.get(i);
      byRun.put(runs.get(i).name(), value.isPresent() ? value.getAsDouble() : null);
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("metric", metric);
    json.put("axis", axis.key());
    json.put("at", at);
    json.put("values", byRun);
    return json;
  }
}
