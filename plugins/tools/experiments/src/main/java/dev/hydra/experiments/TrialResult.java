package dev.hydra.experiments;

import dev.hydra.experiments.measure.Measured;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What came out of a training.
 *
 * @param steps the steps that were taken
 * @param finished whether it went on to its last step or to the accuracy that ends it; if not, the
 *     loss was no longer finite
 * @param validation the accuracy on the examples that learning rates are chosen by
 * @param validationLoss the loss on them, in nats per predicted token
 * @param test the accuracy of each condition, by name, on examples that nothing was chosen by
 * @param measured what else the experiment measures of the test
 * @param seconds how long it took
 * @param curve the validations on the way
 */
public record TrialResult(
    int steps,
    boolean finished,
    double validation,
    double validationLoss,
    Map<String, Double> test,
    Measured measured,
    double seconds,
    List<Point> curve) {
  /** A validation after some steps. */
  public record Point(int step, double trainingLoss, double loss, double accuracy) {}

  /** Copies map and list. */
  public TrialResult {
    test = new LinkedHashMap<>(test);
    curve = List.copyOf(curve);
  }

  /** Returns the values of a JSON object. */
  Map<String, Object> json() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("steps", steps);
    values.put("finished", finished);
    values.put("validation_accuracy", validation);
    values.put("validation_loss", number(validationLoss));
    values.put("test_accuracy", test);
    values.put("measured", measured.json());
    values.put("seconds", seconds);
    values.put(
        "curve",
        curve.stream()
            .map(
                point ->
                    List.of(
                        point.step(),
                        number(point.trainingLoss()),
                        number(point.loss()),
                        point.accuracy()))
            .toList());
    return values;
  }

  /** JSON has no numbers that are not finite. */
  private static Object number(double value) {
    return Double.isFinite(value) ? value : String.valueOf(value);
  }

  /**
   * Reads the values of a JSON object.
   *
   * @throws RuntimeException if it is something else
   */
  static TrialResult of(Map<String, Object> json) {
    Map<String, Double> test = new LinkedHashMap<>();
    Map<?, ?> accuracies = read(json, "test_accuracy", Map.class);
    accuracies.forEach((name, accuracy) -> test.put((String) name, number(accuracy)));
    return new TrialResult(
        (int) number(json.get("steps")),
        read(json, "finished", Boolean.class),
        number(json.get("validation_accuracy")),
        number(json.get("validation_loss")),
        test,
        Measured.of(read(json, "measured", Map.class)),
        number(json.get("seconds")),
        points(read(json, "curve", List.class)));
  }

  private static List<Point> points(List<?> curve) {
    List<Point> points = new ArrayList<>();
    for (Object each : curve) {
      List<?> values = (List<?>) each;
      points.add(
          new Point(
              (int) number(values.get(0)),
              number(values.get(1)),
              number(values.get(2)),
              number(values.get(3))));
    }
    return points;
  }

  private static <T> T read(Map<String, ?> json, String key, Class<T> type) {
    return type.cast(Objects.requireNonNull(json.get(key), key));
  }

  private static double number(@Nullable Object value) {
    return value instanceof Number number
        ? number.doubleValue()
        : Double.parseDouble(String.valueOf(value));
  }
}
