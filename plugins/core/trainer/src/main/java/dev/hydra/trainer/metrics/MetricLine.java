package dev.hydra.trainer.metrics;

import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One line of the metrics of a run.
 *
 * @param kind what it tells of: {@link #STEP} and so on
 * @param time when it was written
 * @param step the optimizer steps that were done then
 * @param values numbers, texts, and lists and objects of such, by their names
 */
public record MetricLine(String kind, Instant time, long step, Map<String, Object> values) {
  /** The metrics of an optimizer step. */
  public static final String STEP = "step";

  /** The score on a set of held-out text. */
  public static final String VALIDATION = "validation";

  /** What components observe of themselves. */
  public static final String OBSERVATION = "observation";

  /** What the model is and costs from here on. */
  public static final String MODEL = "model";

  /** A checkpoint was written. */
  public static final String CHECKPOINT = "checkpoint";

  private static final String KIND = "kind";
  private static final String TIME = "time";
  private static final String NUMBER = "step";

  /** Creates a line of this moment, of values that need not be finite. */
  public static MetricLine now(String kind, long step, Map<String, ?> values) {
    Map<String, Object> all = new LinkedHashMap<>();
    values.forEach((name, value) -> finite(value).ifPresent(kept -> all.put(name, kept)));
    return new MetricLine(kind, Instant.now(), step, Collections.unmodifiableMap(all));
  }

  /** Returns the value without numbers that JSON has no form for; nothing if that is all of it. */
  private static Optional<Object> finite(Object value) {
    if (value instanceof Double number && !Double.isFinite(number)) {
      return Optional.empty();
    }
    if (value instanceof Map<?, ?> map) {
      Map<String, Object> kept = new LinkedHashMap<>();
      map.forEach(
          (name, each) -> finite(each).ifPresent(some -> kept.put(String.valueOf(name), some)));
      return Optional.of(kept);
    }
    if (value instanceof List<?> list && list.stream().anyMatch(each -> finite(each).isEmpty())) {
      return Optional.empty(); // the places in a list have meanings, so that none may be missing
    }
    return Optional.of(value);
  }

  /** Returns a number of the line; not a number if there is none. */
  public double number(String name) {
    return values.get(name) instanceof Number number ? number.doubleValue() : Double.NaN;
  }

  /** Returns a text of the line; empty if there is none. */
  public String text(String name) {
    return values.get(name) instanceof String text ? text : "";
  }

  /** Returns the line as the values of one JSON object. */
  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put(KIND, kind);
    map.put(NUMBER, step);
    map.put(TIME, time.toString());
    map.putAll(values);
    return map;
  }

  /** Reads the values of a JSON object; nothing if they are not those of a line. */
  static Optional<MetricLine> of(Map<String, Object> map) {
    if (map.get(NUMBER) instanceof Number step) {
      Map<String, Object> values = new LinkedHashMap<>(map);
      values.keySet().removeAll(List.of(KIND, TIME, NUMBER));
      return time(map)
          .map(
              time ->
                  new MetricLine(
                      String.valueOf(map.getOrDefault(KIND, STEP)), // older files have steps only
                      time,
                      step.longValue(),
                      Collections.unmodifiableMap(values)));
    }
    return Optional.empty();
  }

  private static Optional<Instant> time(Map<String, Object> map) {
    if (!(map.get(TIME) instanceof String text)) {
      return Optional.of(Instant.EPOCH);
    }
    try {
      return Optional.of(Instant.parse(text));
    } catch (DateTimeParseException e) {
      return Optional.empty();
    }
  }
}
