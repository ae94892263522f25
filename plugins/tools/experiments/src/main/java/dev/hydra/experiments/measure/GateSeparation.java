package dev.hydra.experiments.measure;

import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * How well the learned gate of a product-key memory (the beta of Hydra, arXiv 2508.15099) tells
 * where an answer comes from: the area under the curve of true positives over false positives, if
 * the gate at the place of the answer were used to say that the fact is in the memory. It is the
 * probability that the gate is further open for a fact of the memory than for one of the text.
 *
 * @param memory the conditions whose facts are in the memory only
 * @param text the conditions whose facts stand in the text
 */
record GateSeparation(List<String> memory, List<String> text) implements Measure {
  private static final String GATE = ".gate";

  /** What product-key memories observe, and others do not. */
  private static final String KEYS = "usage";

  static final Option<List<String>> MEMORY =
      Option.texts("memory", "of gate-auc: conditions whose facts are in the memory only")
          .where(all -> !all.isEmpty(), "at least one condition");
  static final Option<List<String>> TEXT =
      Option.texts("text", "of gate-auc: conditions whose facts stand in the text")
          .where(all -> !all.isEmpty(), "at least one condition");
  static final List<Option<?>> OPTIONS = List.of(MEMORY, TEXT);

  static Measure of(Settings settings) {
    return new GateSeparation(settings.get(MEMORY), settings.get(TEXT));
  }

  @Override
  public List<String> needed() {
    return Stream.concat(memory.stream(), text.stream()).toList();
  }

  @Override
  public Measured of(String name, List<Observed> conditions) {
    Map<String, Double> areas = new LinkedHashMap<>();
    Map<String, Double> open = new LinkedHashMap<>();
    Map<String, Double> shut = new LinkedHashMap<>();
    Map<String, List<List<Double>>> curves = new LinkedHashMap<>();
    for (String site : Sites.of(KEYS, conditions)) {
      double[] high = gates(site, memory, conditions);
      double[] low = gates(site, text, conditions);
      if (high.length > 0 && low.length > 0) {
        RocCurve curve = RocCurve.of(high, low);
        areas.put(site, curve.area());
        curves.put(name + " " + site, curve.points());
        open.put(site, mean(high));
        shut.put(site, mean(low));
      }
    }
    return new Measured(Sites.named(name, areas), curves)
        .with(Measured.of(Sites.named(name + " gate, memory", open)))
        .with(Measured.of(Sites.named(name + " gate, text", shut)));
  }

  private static double[] gates(String site, List<String> which, List<Observed> conditions) {
    return conditions.stream()
        .filter(each -> which.contains(each.condition()))
        .flatMap(each -> each.atAnswers().getOrDefault(site + GATE, List.of()).stream())
        .mapToDouble(gate -> gate)
        .toArray();
  }

  private static double mean(double[] values) {
    double sum = 0;
    for (double each : values) {
      sum += each;
    }
    return sum / values.length;
  }
}
