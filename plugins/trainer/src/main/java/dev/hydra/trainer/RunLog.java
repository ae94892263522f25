package dev.hydra.trainer;

import java.io.IOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** Writes what happens in a run to its folder: metrics and journal. */
final class RunLog {
  private final JsonLines metrics;
  private final JsonLines journal;

  RunLog(RunFolder folder) {
    metrics = new JsonLines(folder.metrics());
    journal = new JsonLines(folder.journal());
  }

  void step(StepReport report) throws IOException {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("step", report.step());
    line.put("loss", report.loss());
    line.put("auxiliary_loss", report.auxiliary());
    line.put("gradient_norm", report.gradientNorm());
    line.put("learning_rate", report.learningRate());
    line.put("tokens_per_second", Math.rint(report.tokensPerSecond()));
    metrics.add(line);
  }

  /** Notes an event with details, given as key, value, key, value. */
  void event(String event, long step, Object... details) throws IOException {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("time", Instant.now().toString());
    line.put("event", event);
    line.put("step", step);
    for (int i = 0; i < details.length; i += 2) {
      line.put((String) details[i], details[i + 1]);
    }
    journal.add(line);
  }

  /** Drops metrics of steps that will be taken again. */
  void forgetAfter(long step) throws IOException {
    metrics.keep(line -> line.get("step") instanceof Number n && n.longValue() <= step);
  }
}
