package dev.hydra.cli.compare;

import dev.hydra.cli.page.Curve;
import dev.hydra.cli.page.Parts;
import dev.hydra.cli.page.Plot;
import dev.hydra.cli.page.Table;
import dev.hydra.trainer.metrics.MetricLine;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** Writes the parts of a page about runs: plots and tables as HTML, which load nothing. */
public final class Sections {
  private static final int SMOOTHED_PARTS = 40;

  private final Comparison comparison;
  private final List<Run> runs;
  private final Parts parts = new Parts();

  /** Begins a page part about the runs of a comparison. */
  public Sections(Comparison comparison) {
    this.comparison = comparison;
    runs = comparison.runs();
  }

  /** Returns what was written. */
  public String html() {
    return parts.html();
  }

  /** Writes which colour is that of which run. */
  public Sections legend() {
    var unused = parts.legend(runs.stream().map(Run::name).toList());
    return this;
  }

  /** Writes plots of scores, losses, speed, memory and learning rate. */
  public Sections plots() {
    TreeSet<String> sets = new TreeSet<>();
    runs.forEach(run -> sets.addAll(run.validationSets()));
    for (String set : sets) {
      section(
          "Held-out text: " + set,
          "bits per byte, whatever the tokenizer",
          everyAxis(
              "bits per byte",
              (plot, run, axis, colour) ->
                  plot.dots(run.name(), colour, run.bitsPerByte(axis, set))));
    }
    section(
        "Training loss",
        "nats per token; thin: as logged, thick: the mean around it; the highest 2 % are at the edge"
            + (comparison.sameTokenizer()
                ? ""
                : "; not comparable, as the tokenizers are not the same"),
        everyAxis("loss", (plot, run, axis, colour) -> smoothed(plot, run, axis, colour, "loss")));
    section(
        "Speed and memory",
        "",
        List.of(
            steps("tokens per second", "tokens_per_second"),
            steps("waiting for data, part of the time", "data_wait"),
            steps("MFU, part of the device's peak", "mfu"),
            steps("peak memory of the device, bytes", "device_peak_bytes"),
            steps("memory of the process, bytes", "host_bytes")));
    section(
        "Optimization",
        "",
        List.of(
            steps("learning rate", "learning_rate"),
            steps("norm of the gradient, before clipping", "gradient_norm"),
            steps("auxiliary loss", "auxiliary_loss")));
    return this;
  }

  /** Writes plots of what the components of each run observe. */
  public Sections components() {
    for (Run run : runs) {
      section(
          runs.size() == 1 ? "Components" : "Components of " + run.name(),
          "what they observe on held-out text; thick: the mean, thin: the least and the most;"
              + " of lists a line for each place",
          new Observed(run).plots());
    }
    return this;
  }

  @FunctionalInterface
  private interface Drawing {
    void of(Plot plot, Run run, Axis axis, int colour);
  }

  private List<Plot> everyAxis(String what, Drawing drawing) {
    List<Plot> plots = new ArrayList<>();
    for (Axis axis : Axis.values()) {
      plots.add(plot(what + " over " + axis.unit(), axis, drawing));
    }
    return plots;
  }

  private Plot steps(String title, String metric) {
    return plot(
        title,
        Axis.STEP,
        (plot, run, axis, colour) -> {
          if (metric.equals("tokens_per_second") || metric.equals("gradient_norm")) {
            smoothed(plot, run, axis, colour, metric);
          } else {
            var unused = plot.line(run.name(), colour, run.steps(axis, metric));
          }
        });
  }

  private static void smoothed(Plot plot, Run run, Axis axis, int colour, String metric) {
    Curve curve = run.steps(axis, metric);
    var unused =
        plot.faint(run.name(), colour, curve)
            .line(run.name(), colour, curve.smoothed(curve.points().size() / SMOOTHED_PARTS));
  }

  private Plot plot(String title, Axis axis, Drawing drawing) {
    Plot plot = new Plot(title, axis.title());
    for (int i = 0; i < runs.size(); i++) {
      drawing.of(plot, runs.get(i), axis, i);
    }
    for (int i = 0; i < runs.size(); i++) {
      mark(plot, runs.get(i), axis, i);
    }
    return plot;
  }

  /** Marks the changes of a run; of several runs in their colours, without words in the way. */
  private void mark(Plot plot, Run run, Axis axis, int colour) {
    boolean alone = runs.size() == 1;
    for (MetricLine mark : run.marks()) {
      String stage = mark.text("stage");
      String name = stage.isEmpty() ? mark.kind() : stage;
      String details = mark.kind() + " after step " + mark.step() + " " + mark.values();
      var unused =
          alone
              ? plot.mark(axis.of(mark), name, details)
              : plot.mark(axis.of(mark), colour, run.name() + ": " + details);
    }
  }

  private void section(String title, String note, List<Plot> plots) {
    var unused = parts.section(title, note, plots);
  }

  /** Writes a table under a heading. */
  public Sections table(Table table) {
    var unused = parts.table(table);
    return this;
  }
}
