package dev.hydra.cli.compare;

import dev.hydra.cli.page.Curve;
import dev.hydra.cli.page.Plot;
import dev.hydra.trainer.metrics.MetricLine;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Draws what components have observed of themselves, a plot for each site and name. */
final class Observed {
  private static final String MEAN = "mean";

  private final Run run;
  private final Map<String, Map<String, Curve.Builder>> curves = new LinkedHashMap<>();

  Observed(Run run) {
    this.run = run;
  }

  /** Returns the plots over optimizer steps, in the order of the components. */
  List<Plot> plots() {
    for (MetricLine line : run.lines(MetricLine.OBSERVATION)) {
      if (line.values().get("values") instanceof Map<?, ?> values) {
        values.forEach((name, value) -> add(line.step(), String.valueOf(name), value));
      }
    }
    return curves.entrySet().stream().map(each -> plot(each.getKey(), each.getValue())).toList();
  }

  private void add(long step, String name, Object value) {
    Map<String, Curve.Builder> parts = curves.computeIfAbsent(name, none -> new LinkedHashMap<>());
    if (value instanceof List<?> list) {
      for (int i = 0; i < list.size(); i++) {
        add(parts, step, String.valueOf(i), list.get(i));
      }
    } else if (value instanceof Map<?, ?> bounds) {
      bounds.forEach((part, each) -> add(parts, step, String.valueOf(part), each));
    } else {
      add(parts, step, MEAN, value);
    }
  }

  private static void add(Map<String, Curve.Builder> parts, long step, String part, Object value) {
    if (value instanceof Number number) {
      var unused =
          parts.computeIfAbsent(part, none -> new Curve.Builder()).add(step, number.doubleValue());
    }
  }

  private Plot plot(String name, Map<String, Curve.Builder> parts) {
    Plot plot = new Plot(name, Axis.STEP.title());
    int colour = 0;
    for (Map.Entry<String, Curve.Builder> part : parts.entrySet()) {
      Curve curve = part.getValue().build();
      if (parts.containsKey(MEAN)) {
        boolean mean = part.getKey().equals(MEAN);
        var unused = mean ? plot.line(MEAN, 0, curve) : plot.faint(part.getKey(), 0, curve);
      } else {
        var unused = plot.line(part.getKey(), colour++, curve);
      }
    }
    return plot;
  }
}
