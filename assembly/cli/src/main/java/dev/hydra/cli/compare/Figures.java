package dev.hydra.cli.compare;

import dev.hydra.cli.page.Numbers;
import dev.hydra.trainer.metrics.MetricLine;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The figures of a whole run; not a number where its metrics do not tell. */
record Figures(Run run) {
  /** Returns a figure of the model as it was last. */
  double model(String name) {
    return lastOf(MetricLine.MODEL, name);
  }

  /** Returns a text of the model as it was last, such as {@code device}; empty if there is none. */
  String modelText(String name) {
    List<MetricLine> models = run.lines(MetricLine.MODEL);
    return models.isEmpty() ? "" : models.get(models.size() - 1).text(name);
  }

  /** Returns a metric of the last step that was logged. */
  double last(String metric) {
    return lastOf(MetricLine.STEP, metric);
  }

  private double lastOf(String kind, String name) {
    List<MetricLine> lines = run.lines(kind);
    return lines.isEmpty() ? Double.NaN : lines.get(lines.size() - 1).number(name);
  }

  /** Returns the steps that were logged last. */
  double steps() {
    List<MetricLine> lines = run.lines(MetricLine.STEP);
    return lines.isEmpty() ? Double.NaN : lines.get(lines.size() - 1).step();
  }

  /** Returns the median of a metric of steps, which a slow start does not change. */
  double median(String metric) {
    double[] values = values(metric);
    Arrays.sort(values);
    int half = values.length / 2;
    if (values.length == 0) {
      return Double.NaN;
    }
    return values.length % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  }

  /** Returns the greatest value of a metric of steps. */
  double most(String metric) {
    return Arrays.stream(values(metric)).max().orElse(Double.NaN);
  }

  private double[] values(String metric) {
    return run.lines(MetricLine.STEP).stream()
        .mapToDouble(line -> line.number(metric))
        .filter(Double::isFinite)
        .toArray();
  }

  /** Returns the FLOPs of all training, each token at the cost of the model of its time. */
  double trainingFlops() {
    double cost = Double.NaN;
    double tokens = 0;
    double sum = 0;
    for (MetricLine line : run.lines()) {
      if (line.kind().equals(MetricLine.MODEL)) {
        cost = line.number("training_flops_per_token");
      } else if (line.kind().equals(MetricLine.STEP)) {
        sum += (line.number("tokens") - tokens) * cost;
        tokens = line.number("tokens");
      }
    }
    return tokens == 0 ? Double.NaN : sum;
  }

  /** Returns the steps after which changes of a kind came, stages with their names. */
  String changes(String kind) {
    List<String> changes =
        run.lines(kind).stream()
            .map(line -> (line.text("stage") + " " + Numbers.whole(line.step())).strip())
            .toList();
    return changes.isEmpty() ? Numbers.UNKNOWN : String.join("; ", changes);
  }

  /** Returns the last score on each set of held-out text. */
  Map<String, MetricLine> scores() {
    Map<String, MetricLine> scores = new LinkedHashMap<>();
    run.validationSets().forEach(set -> scores.put(set, lastScore(set)));
    return scores;
  }

  private MetricLine lastScore(String set) {
    List<MetricLine> lines =
        run.lines(MetricLine.VALIDATION).stream()
            .filter(line -> line.text("set").equals(set))
            .toList();
    return lines.get(lines.size() - 1);
  }

  /** Returns all of it as the values of a JSON object; what is not known is left out. */
  Map<String, Object> json() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("name", run.name());
    values.put("folder", run.folder().toAbsolutePath().normalize().toString());
    for (String name :
        List.of(
            "parameters",
            "active_parameters",
            "sequence_length",
            "forward_flops_per_token",
            "training_flops_per_token")) {
      put(values, name, model(name));
    }
    values.put("device", modelText("device"));
    values.put("compute", modelText("compute"));
    put(values, "training_flops", trainingFlops());
    put(values, "steps", steps());
    put(values, "tokens", last("tokens"));
    put(values, "seconds", last("seconds"));
    put(values, "tokens_per_second", median("tokens_per_second"));
    put(values, "data_wait", median("data_wait"));
    put(values, "mfu", median("mfu"));
    put(values, "device_peak_bytes", most("device_peak_bytes"));
    put(values, "host_bytes", most("host_bytes"));
    put(values, "loss", last("loss"));
    Map<String, Object> sets = new LinkedHashMap<>();
    scores().forEach((set, line) -> sets.put(set, score(line)));
    values.put("validation", sets);
    values.put("marks", run.marks().stream().map(Figures::mark).toList());
    return values;
  }

  private static Map<String, Object> score(MetricLine line) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("step", line.step());
    for (String name : List.of("tokens", "seconds", "loss", "perplexity", "bits_per_byte")) {
      put(values, name, line.number(name));
    }
    return values;
  }

  private static Map<String, Object> mark(MetricLine line) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("kind", line.kind());
    values.put("step", line.step());
    values.putAll(line.values());
    return values;
  }

  private static void put(Map<String, Object> values, String name, double number) {
    if (number == Math.rint(number) && Math.abs(number) < 1e15) {
      values.put(name, (long) number);
    } else if (Double.isFinite(number)) {
      values.put(name, number);
    }
  }
}
