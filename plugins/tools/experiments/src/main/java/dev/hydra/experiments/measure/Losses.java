package dev.hydra.experiments.measure;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The loss on the test of each condition, and their mean. */
record Losses() implements Measure {
  @Override
  public Measured of(String name, List<Observed> conditions) {
    Map<String, Double> figures = new LinkedHashMap<>();
    figures.put(name, conditions.stream().mapToDouble(Observed::loss).average().orElse(Double.NaN));
    if (conditions.size() > 1) {
      conditions.forEach(each -> figures.put(name + " " + each.condition(), each.loss()));
    }
    return Measured.of(figures);
  }
}
