package dev.hydra.cli.compare;

import dev.hydra.cli.page.Curve;
import dev.hydra.cli.page.Document;
import dev.hydra.cli.page.Plot;
import dev.hydra.composer.config.ConfigFiles;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** A page of HTML with plots and tables of runs, which loads nothing else. */
final class Page {
  private static final int SMOOTHED_PARTS = 40;

  private final Comparison comparison;
  private final List<Run> runs;

  Page(Comparison comparison) {
    this.comparison = comparison;
    runs = comparison.runs();
  }

  /** Returns the page. */
  String html() {
    String names = runs.stream().map(Run::name).collect(Collectors.joining(", "));
    String title = (runs.size() == 1 ? "Run " : "Runs ") + names;
    Document page = new Document(title, runs.stream().map(Run::name).toList());
    plots(page);
    comparison.tables().forEach(page::table);
    if (runs.size() == 1) {
      page.details("Configuration", ConfigFiles.render(runs.get(0).config()));
    }
    return page.end();
  }

  private void plots(Document page) {
    TreeSet<String> sets = new TreeSet<>();
    runs.forEach(run -> sets.addAll(run.validationSets()));
    for (String set : sets) {
      page.section(
          "Held-out text: " + set,
          "bits per byte, whatever the tokenizer",
          everyAxis(
              "bits per byte",
              (plot, run, axis, colour) ->
                  plot.dots(run.name(), colour, run.bitsPerByte(axis, set))));
    }
    page.section(
        "Training loss",
        "nats per token; thin: as logged, thick: the mean around it; the highest 2 % are at the edge"
            + (comparison.sameTokenizer()
                ? ""
                : "; not comparable, as the tokenizers are not the same"),
        everyAxis("loss", (plot, run, axis, colour) -> smoothed(plot, run, axis, colour, "loss")));
    page.section(
        "Speed and memory",
        "",
        List.of(
            steps("tokens per second", "tokens_per_second"),
            steps("MFU, part of the device's peak", "mfu"),
            steps("peak memory of the device, bytes", "device_peak_bytes"),
            steps("memory of the process, bytes", "host_bytes")));
    page.section(
        "Optimization",
        "",
        List.of(
            steps("learning rate", "learning_rate"),
            steps("norm of the gradient, before clipping", "gradient_norm"),
            steps("auxiliary loss", "auxiliary_loss")));
    if (runs.size() == 1) {
      page.section(
          "Components",
          "what they observe on held-out text; thick: the mean, thin: the least and the most;"
              + " of lists a line for each place",
          new Observed(runs.get(0)).plots());
    }
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
    if (runs.size() == 1) {
      runs.get(0)
          .marks()
          .forEach(
              mark -> {
                String name = mark.text("stage");
                var unused =
                    plot.mark(
                        axis.of(mark),
                        name.isEmpty() ? mark.kind() : name,
                        mark.kind() + " " + mark.values());
              });
    }
    return plot;
  }
}
