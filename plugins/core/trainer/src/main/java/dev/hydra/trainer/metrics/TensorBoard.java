package dev.hydra.trainer.metrics;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** The metrics of a run as events of TensorBoard, in the run's folder. */
public final class TensorBoard implements Closeable {
  /** Whether a run writes them. */
  public enum Mode {
    ON,
    OFF
  }

  /** The tags of the numbers of a step by their names in the metrics; of others {@code train/}. */
  private static final Map<String, String> STEP_TAGS = new LinkedHashMap<>();

  static {
    STEP_TAGS.put("loss", "train/loss");
    STEP_TAGS.put("auxiliary_loss", "train/auxiliary_loss");
    STEP_TAGS.put("gradient_norm", "train/gradient_norm");
    STEP_TAGS.put("learning_rate", "train/learning_rate");
    STEP_TAGS.put("tokens", "progress/tokens");
    STEP_TAGS.put("seconds", "progress/seconds");
    STEP_TAGS.put("tokens_per_second", "speed/tokens_per_second");
    STEP_TAGS.put("data_wait", "speed/data_wait");
    STEP_TAGS.put("mfu", "speed/mfu");
    STEP_TAGS.put("device_peak_bytes", "memory/device_peak_bytes");
    STEP_TAGS.put("host_bytes", "memory/host_bytes");
  }

  private static final List<String> SCORES = List.of("loss", "bits_per_byte", "perplexity");

  private final EventFile events;

  /**
   * Writes all metrics that a run has so far, in a new file; files of before are deleted, so that
   * no step is in two of them.
   *
   * @param config the configuration of the run, as text
   */
  public TensorBoard(Path folder, String config, MetricsFile metrics) throws IOException {
    events = EventFile.anew(folder);
    events.text(Instant.now(), 0, "config", code(config));
    metrics.forEach(this::add);
  }

  /** Deletes the events of a run's folder. */
  public static void deleteAll(Path folder) throws IOException {
    EventFile.deleteAll(folder);
  }

  /** A text that Markdown shows as it is. */
  private static String code(String text) {
    return "    " + text.strip().replace("\n", "\n    ");
  }

  /** Adds a line of the metrics. */
  public void add(MetricLine line) throws IOException {
    switch (line.kind()) {
      case MetricLine.STEP -> scalars(line, name -> STEP_TAGS.getOrDefault(name, "train/" + name));
      case MetricLine.VALIDATION ->
          scalars(
              line,
              name -> SCORES.contains(name) ? "validation/" + line.text("set") + "/" + name : "");
      case MetricLine.OBSERVATION ->
          events.scalars(line.time(), line.step(), observed(line.values()));
      case MetricLine.CHECKPOINT -> {} // to be found in the folder
      default -> events.text(line.time(), line.step(), "events/" + line.kind(), code(listed(line)));
    }
  }

  /** Adds the numbers of a line, but those whose tag is empty. */
  private void scalars(MetricLine line, UnaryOperator<String> tags) throws IOException {
    Map<String, Double> scalars = new LinkedHashMap<>();
    line.values()
        .forEach(
            (name, value) -> {
              String tag = tags.apply(name);
              if (value instanceof Number number && !tag.isEmpty()) {
                scalars.put(tag, number.doubleValue());
              }
            });
    events.scalars(line.time(), line.step(), scalars);
  }

  private static Map<String, Double> observed(Map<String, Object> values) {
    Map<String, Double> scalars = new LinkedHashMap<>();
    if (values.get("values") instanceof Map<?, ?> byName) {
      byName.forEach((name, value) -> collect("observed/" + name, value, scalars));
    }
    return scalars;
  }

  private static void collect(String tag, Object value, Map<String, Double> into) {
    if (value instanceof Number number) {
      into.put(tag, number.doubleValue());
    } else if (value instanceof Map<?, ?> map) {
      map.forEach((name, each) -> collect(tag + "/" + name, each, into));
    } else if (value instanceof List<?> list) {
      for (int i = 0; i < list.size(); i++) {
        collect(tag + "/" + i, list.get(i), into);
      }
    }
  }

  private static String listed(MetricLine line) {
    List<String> rows = new ArrayList<>();
    line.values().forEach((name, value) -> rows.add(name + ": " + value));
    return String.join("\n", rows);
  }

  @Override
  public void close() throws IOException {
    events.close();
  }
}
