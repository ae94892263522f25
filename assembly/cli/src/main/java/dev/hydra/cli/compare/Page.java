package dev.hydra.cli.compare;

import dev.hydra.composer.config.ConfigFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** A page of HTML with plots and tables of runs, which loads nothing else. */
final class Page {
  private static final int SMOOTHED_PARTS = 40;

  private final Comparison comparison;
  private final List<Run> runs;
  private final StringBuilder html = new StringBuilder();

  Page(Comparison comparison) {
    this.comparison = comparison;
    runs = comparison.runs();
  }

  /** Returns the page. */
  String html() {
    String names = runs.stream().map(Run::name).collect(Collectors.joining(", "));
    String title = (runs.size() == 1 ? "Run " : "Runs ") + names;
    html.append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")
        .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .append("<title>" + Html.escape(title) + "</title>\n<style>\n" + style())
        .append("</style></head>\n<body><header><h1>" + Html.escape(title) + "</h1>\n");
    legend();
    html.append("</header>\n<main>\n");
    plots();
    comparison.tables().forEach(this::table);
    if (runs.size() == 1) {
      html.append("<details><summary>Configuration</summary><pre>")
          .append(Html.escape(ConfigFiles.render(runs.get(0).config())))
          .append("</pre></details>\n");
    }
    return html.append("</main></body></html>\n").toString();
  }

  private static String style() {
    try (InputStream css =
        Objects.requireNonNull(Page.class.getResourceAsStream("page.css"), "page.css")) {
      return new String(css.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void legend() {
    html.append("<p class=\"legend\">");
    for (int i = 0; i < runs.size(); i++) {
      html.append("<span><i class=\"c" + i % Plot.COLOURS + "\"></i>")
          .append(Html.escape(runs.get(i).name()) + "</span>");
    }
    html.append("</p>\n");
  }

  private void plots() {
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
    if (runs.size() == 1) {
      section(
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

  private void section(String title, String note, List<Plot> plots) {
    List<Plot> drawn = plots.stream().filter(plot -> !plot.isEmpty()).toList();
    if (!drawn.isEmpty()) {
      heading(title, note);
      html.append("<div class=\"plots\">\n");
      drawn.forEach(plot -> html.append(plot.svg()));
      html.append("</div>\n");
    }
  }

  private void heading(String title, String note) {
    html.append("<h2>" + Html.escape(title));
    if (!note.isEmpty()) {
      html.append(" <small>" + Html.escape(note) + "</small>");
    }
    html.append("</h2>\n");
  }

  private void table(Table table) {
    heading(table.title(), table.note());
    if (table.rows().isEmpty()) {
      return;
    }
    html.append("<div class=\"wide\"><table><thead>");
    row("th", table.header());
    html.append("</thead><tbody>\n");
    table.rows().forEach(cells -> row("td", cells));
    html.append("</tbody></table></div>\n");
  }

  private void row(String element, List<String> cells) {
    html.append("<tr>");
    for (String cell : cells) {
      html.append("<" + element + ">" + Html.escape(cell) + "</" + element + ">");
    }
    html.append("</tr>\n");
  }
}
