package dev.hydra.trainer.run;

import dev.hydra.api.PluginId;
import dev.hydra.trainer.evaluation.Observation;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.metrics.JsonLines;
import dev.hydra.trainer.metrics.MetricLine;
import dev.hydra.trainer.metrics.MetricsFile;
import dev.hydra.trainer.metrics.TensorBoard;
import dev.hydra.trainer.metrics.TrainingClock;
import java.io.Closeable;
import java.io.IOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes what happens in a run to its folder: metrics, as lines and for TensorBoard, and journal.
 * That a line cannot be written is said once and does not end the run.
 */
final class RunLog implements Closeable {
  /** The events that belong to a curve as well as to the journal. */
  private static final Set<String> MARKS =
      Set.of(MetricLine.CHECKPOINT, "swap", "rollback", "stage");

  /** What only the journal tells of an event: lists as long as the model. */
  private static final Set<String> LONG =
      Set.of("migrated", "initialised", "dropped", "kept", "carried");

  private final RunFolder folder;
  private final MetricsFile metrics;
  private final JsonLines journal;
  private final TrainingListener listener;
  private final TrainingClock clock;
  private @Nullable TensorBoard tensorBoard;
  private Map<String, Object> model = Map.of();
  private boolean failed;

  /** Creates the log in a run folder; the listener is warned of lines that cannot be written. */
  RunLog(RunFolder folder, TrainingClock clock, TrainingListener listener) {
    this.folder = folder;
    this.clock = clock;
    this.listener = listener;
    metrics = new MetricsFile(folder.metrics());
    journal = new JsonLines(folder.journal());
  }

  /**
   * Begins, or goes on after a checkpoint: drops metrics of steps that will be taken again, and
   * lines that a crash cut short.
   *
   * @param step the step of the checkpoint, or 0
   * @param last whether no step is left
   * @param tokensPerStep for steps of which no metrics are left
   * @return where the checkpoint was
   */
  TrainingClock.Position begin(long step, boolean last, long tokensPerStep) throws IOException {
    journal.keep(line -> true);
    metrics.cutBack(step, last);
    Known known = new Known();
    metrics.forEach(known::add);
    model = known.model;
    TrainingClock.Position position =
        new TrainingClock.Position(
            known.tokens + (step - known.step) * tokensPerStep, known.seconds);
    if (step > 0) {
      clock.start(position);
      add(MetricLine.now("resume", step, position()));
    }
    return position;
  }

  /** What the metrics say of where the run was. */
  private static final class Known {
    private Map<String, Object> model = Map.of();
    private long step;
    private long tokens;
    private double seconds;

    private void add(MetricLine line) {
      if (line.kind().equals(MetricLine.MODEL)) {
        model = line.values();
      } else if (Double.isFinite(line.number("seconds"))) {
        step = line.step();
        tokens = (long) line.number("tokens");
        seconds = line.number("seconds");
      }
    }
  }

  /** Notes in the journal that steps begin, by which plugins and in which type. */
  void started(TrainerState begin) {
    event(
        "start",
        begin.step(),
        "plugins",
        begin.plugins().stream().map(PluginId::toString).toList(),
        "compute",
        begin.compute());
  }

  /** Writes for TensorBoard as well from now on, all metrics of before included. */
  void tensorBoard(TensorBoard.Mode mode, String config) throws IOException {
    if (mode == TensorBoard.Mode.ON) {
      tensorBoard = new TensorBoard(folder.path(), config, metrics);
    } else {
      TensorBoard.deleteAll(folder.path());
    }
  }

  /** Writes a step to the metrics, and before it what the model costs, where that has changed. */
  void step(StepReport report, Map<String, Object> costs) {
    if (!costs.toString().equals(model.toString())) { // what was read has numbers of other types
      model = costs;
      add(MetricLine.now(MetricLine.MODEL, report.step(), costs));
    }
    add(MetricLine.now(MetricLine.STEP, report.step(), report.metrics()));
  }

  /** Writes the score on a set of held-out text. */
  void evaluated(long step, String set, Score score) {
    Map<String, Object> values = position();
    values.put("set", set);
    values.put("loss", score.loss());
    values.put("perplexity", Math.exp(score.loss()));
    values.put("bits_per_byte", score.bitsPerByte());
    values.put("scored_tokens", score.tokens());
    values.put("scored_bytes", score.bytes());
    add(MetricLine.now(MetricLine.VALIDATION, step, values));
    event(
        "evaluation", step, "set", set, "loss", score.loss(), "bits_per_byte", score.bitsPerByte());
  }

  /** Writes what components have observed. */
  void observed(long step, Map<String, Observation> observations) {
    Map<String, Object> byName = new LinkedHashMap<>();
    observations.forEach((name, each) -> byName.put(name, each.json()));
    Map<String, Object> values = position();
    values.put("values", byName);
    add(MetricLine.now(MetricLine.OBSERVATION, step, values));
  }

  /** Writes an event to the journal with details, given as key, value, key, value. */
  void event(String event, long step, Object... details) {
    Map<String, Object> named = new LinkedHashMap<>();
    for (int i = 0; i < details.length; i += 2) {
      named.put((String) details[i], details[i + 1]);
    }
    event(event, step, named);
  }

  /** Writes an event to the journal with details; to the metrics, too, if it marks the curves. */
  void event(String event, long step, Map<String, ?> details) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("time", Instant.now().toString());
    line.put("event", event);
    line.put("step", step);
    line.putAll(details);
    guarded(() -> journal.add(line));
    if (MARKS.contains(event)) {
      Map<String, Object> values = position();
      values.putAll(details);
      values.keySet().removeAll(LONG);
      add(MetricLine.now(event, step, values));
    }
  }

  /** Notes something that went wrong and that training survives, and tells the listener. */
  void warn(long step, String message) {
    event("warning", step, "message", message);
    listener.warned(message);
  }

  private Map<String, Object> position() {
    TrainingClock.Position now = clock.position();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("tokens", now.tokens());
    values.put("seconds", now.seconds());
    return values;
  }

  private void add(MetricLine line) {
    guarded(
        () -> {
          metrics.add(line);
          if (tensorBoard != null) {
            tensorBoard.add(line);
          }
        });
  }

  @FunctionalInterface
  private interface Writing {
    void run() throws IOException;
  }

  private synchronized void guarded(Writing writing) {
    try {
      writing.run();
    } catch (IOException e) {
      if (!failed) {
        failed = true;
        listener.warned("metrics and journal cannot be written, lines are lost: " + e);
      }
    }
  }

  @Override
  public synchronized void close() throws IOException {
    if (tensorBoard != null) {
      tensorBoard.close();
      tensorBoard = null;
    }
  }
}
