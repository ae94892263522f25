package dev.hydra.trainer.run;

import java.io.IOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes what happens in a run to its folder: metrics and journal. That a line cannot be written is
 * said once and does not end the run.
 */
final class RunLog {
  private final JsonLines metrics;
  private final JsonLines journal;
  private final TrainingListener listener;
  private boolean failed;

  /** Creates the log in a run folder; the listener is warned of lines that cannot be written. */
  RunLog(RunFolder folder, TrainingListener listener) {
    this.listener = listener;
    metrics = new JsonLines(folder.metrics());
    journal = new JsonLines(folder.journal());
  }

  /** Writes a step to the metrics. */
  void step(StepReport report) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("step", report.step());
    line.put("loss", report.loss());
    line.put("auxiliary_loss", report.auxiliary());
    line.put("gradient_norm", report.gradientNorm());
    line.put("learning_rate", report.learningRate());
    line.put("tokens_per_second", Math.rint(report.tokensPerSecond()));
    add(metrics, line);
  }

  /** Writes an event to the journal with details, given as key, value, key, value. */
  void event(String event, long step, Object... details) {
    Map<String, Object> named = new LinkedHashMap<>();
    for (int i = 0; i < details.length; i += 2) {
      named.put((String) details[i], details[i + 1]);
    }
    event(event, step, named);
  }

  /** Writes an event to the journal with details. */
  void event(String event, long step, Map<String, ?> details) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("time", Instant.now().toString());
    line.put("event", event);
    line.put("step", step);
    line.putAll(details);
    add(journal, line);
  }

  /** Notes something that went wrong and that training survives, and tells the listener. */
  void warn(long step, String message) {
    event("warning", step, "message", message);
    listener.warned(message);
  }

  private synchronized void add(JsonLines lines, Map<String, Object> line) {
    try {
      lines.add(line);
    } catch (IOException e) {
      if (!failed) {
        failed = true;
        listener.warned("metrics and journal cannot be written, lines are lost: " + e);
      }
    }
  }

  /** Drops metrics of steps that will be taken again, and lines that a crash cut short. */
  void forgetAfter(long step) throws IOException {
    metrics.keep(line -> line.get("step") instanceof Number n && n.longValue() <= step);
    journal.keep(line -> true);
  }
}
