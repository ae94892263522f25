package dev.hydra.experiments.measure;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What measures have found of one training.
 *
 * @param figures numbers by name
 * @param curves curves by name, each a list of points {@code [x, y]}
 */
public record Measured(Map<String, Double> figures, Map<String, List<List<Double>>> curves) {
  /** Nothing. */
  public static final Measured NONE = new Measured(Map.of(), Map.of());

  /** Copies the maps. */
  public Measured {
    figures = new LinkedHashMap<>(figures);
    curves = new LinkedHashMap<>(curves);
  }

  /** Returns figures without curves. */
  static Measured of(Map<String, Double> figures) {
    return new Measured(figures, Map.of());
  }

  /** Returns these with others besides. */
  Measured with(Measured other) {
    Map<String, Double> allFigures = new LinkedHashMap<>(figures);
    allFigures.putAll(other.figures);
    Map<String, List<List<Double>>> allCurves = new LinkedHashMap<>(curves);
    allCurves.putAll(other.curves);
    return new Measured(allFigures, allCurves);
  }

  /** Returns the values of a JSON object. */
  public Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    Map<String, Object> numbers = new LinkedHashMap<>();
    // JSON has no numbers that are not finite.
    figures.forEach(
        (name, each) -> numbers.put(name, Double.isFinite(each) ? each : String.valueOf(each)));
    json.put("figures", numbers);
    json.put("curves", curves);
    return json;
  }

  /**
   * Reads the values of a JSON object.
   *
   * @throws RuntimeException if it is something else
   */
  public static Measured of(Object json) {
    Map<?, ?> all = (Map<?, ?>) json;
    Map<String, Double> figures = new LinkedHashMap<>();
    ((Map<?, ?>) Objects.requireNonNull(all.get("figures"), "figures"))
        .forEach((name, each) -> figures.put((String) name, number(each)));
    Map<String, List<List<Double>>> curves = new LinkedHashMap<>();
    ((Map<?, ?>) Objects.requireNonNull(all.get("curves"), "curves"))
        .forEach(
            (name, points) -> {
              List<List<Double>> read = new ArrayList<>();
              for (Object point : (List<?>) points) {
                read.add(((List<?>) point).stream().map(Measured::number).toList());
              }
              curves.put((String) name, read);
            });
    return new Measured(figures, curves);
  }

  private static double number(Object value) {
    return value instanceof Number number
        ? number.doubleValue()
        : Double.parseDouble(String.valueOf(value));
  }
}
