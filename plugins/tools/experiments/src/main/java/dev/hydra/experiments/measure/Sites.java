package dev.hydra.experiments.measure;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Finds the places in a model that observe something. */
final class Sites {
  private Sites() {}

  /** Returns the sites that give an observation of a whole forward in every condition. */
  static List<String> of(String observation, List<Observed> conditions) {
    return conditions.get(0).averages().keySet().stream()
        .filter(name -> name.endsWith("." + observation))
        .filter(name -> conditions.stream().allMatch(each -> each.averages().containsKey(name)))
        .map(name -> name.substring(0, name.length() - observation.length() - 1))
        .sorted()
        .toList();
  }

  /** Names the figure of one site, and of several each, and their mean. */
  static Map<String, Double> named(String name, Map<String, Double> bySite) {
    Map<String, Double> figures = new LinkedHashMap<>();
    if (!bySite.isEmpty()) {
      figures.put(name, bySite.values().stream().mapToDouble(each -> each).average().orElseThrow());
    }
    if (bySite.size() > 1) {
      bySite.forEach((site, value) -> figures.put(name + " " + site, value));
    }
    return figures;
  }
}
