package dev.hydra.cli.experiment;

import dev.hydra.bench.Throughput;
import dev.hydra.bench.ThroughputRow;
import dev.hydra.cli.page.Curve;
import dev.hydra.cli.page.Document;
import dev.hydra.cli.page.Numbers;
import dev.hydra.cli.page.Parts;
import dev.hydra.cli.page.Plot;
import dev.hydra.cli.page.Report;
import dev.hydra.cli.page.Table;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * How fast models are by length.
 *
 * @param name the name of the experiment
 * @param device where it was computed
 * @param experiment the experiment
 * @param sizes the parameters of each model
 * @param rows what was timed, and what others say
 */
public record ThroughputReport(
    String name,
    String device,
    Throughput experiment,
    Map<String, Long> sizes,
    List<ThroughputRow> rows)
    implements Report {
  private static final double GIB = 1L << 30;

  /** Copies. */
  public ThroughputReport {
    sizes = new LinkedHashMap<>(sizes);
    rows = List.copyOf(rows);
  }

  @Override
  public List<Table> tables() {
    List<Table> all = new ArrayList<>();
    for (Throughput.Pass pass : experiment.passes()) {
      all.add(
          table(
              word(pass) + ": tokens/s",
              "batch 1, on " + device,
              pass,
              row -> row.fits() ? Numbers.whole(row.tokensPerSecond()) : "out of memory"));
      if (memoryIsKnown(pass)) {
        all.add(
            table(
                word(pass) + ": peak GiB",
                "",
                pass,
                row ->
                    row.peakBytes().isPresent()
                        ? Numbers.fine(row.peakBytes().getAsLong() / GIB)
                        : "-"));
      }
    }
    all.add(crossovers());
    all.add(SizesReport.parametersTable(sizes));
    return all;
  }

  private boolean memoryIsKnown(Throughput.Pass pass) {
    return rows.stream().anyMatch(row -> row.pass() == pass && row.peakBytes().isPresent());
  }

  private static String word(Throughput.Pass pass) {
    return pass == Throughput.Pass.FORWARD ? "forward" : "training";
  }

  private List<String> names() {
    return Stream.concat(sizes.keySet().stream(), rows.stream().map(ThroughputRow::model))
        .distinct()
        .toList();
  }

  private Optional<ThroughputRow> row(String model, Throughput.Pass pass, int tokens) {
    return rows.stream()
        .filter(row -> row.model().equals(model) && row.pass() == pass && row.tokens() == tokens)
        .findFirst();
  }

  private Table table(
      String title, String note, Throughput.Pass pass, Function<ThroughputRow, String> value) {
    List<String> header = new ArrayList<>(List.of("tokens"));
    header.addAll(names());
    return new Table(
        title,
        note,
        header,
        experiment.lengths().stream()
            .map(
                tokens -> {
                  List<String> row = new ArrayList<>(List.of(Numbers.whole(tokens)));
                  names()
                      .forEach(model -> row.add(row(model, pass, tokens).map(value).orElse("-")));
                  return row;
                })
            .toList());
  }

  /** From which length on each model is faster than each other one. */
  private Table crossovers() {
    List<List<String>> lines = new ArrayList<>();
    for (Throughput.Pass pass : experiment.passes()) {
      String first = names().get(0);
      for (String model : names()) {
        if (!model.equals(first)) {
          lines.add(List.of(word(pass), model, first, crossover(pass, model, first)));
        }
      }
    }
    return new Table(
        "Crossovers",
        "from which length on a model is faster at all longer ones that were timed",
        List.of("", "model", "against", "faster"),
        lines);
  }

  private String crossover(Throughput.Pass pass, String model, String other) {
    List<Integer> both =
        experiment.lengths().stream()
            .filter(each -> row(model, pass, each).isPresent())
            .filter(each -> row(other, pass, each).isPresent())
            .toList();
    Integer from = null;
    for (int i = both.size() - 1; i >= 0 && faster(pass, model, other, both.get(i)); i--) {
      from = both.get(i);
    }
    if (both.isEmpty()) {
      return "-";
    }
    if (from == null) {
      return "not at " + Numbers.whole(both.get(both.size() - 1)) + " tokens";
    }
    int longest = both.get(both.size() - 1);
    return "from "
        + Numbers.whole(from)
        + " tokens on; "
        + String.format(
            Locale.ROOT,
            "%.2f times at %,d",
            ratio(pass, model, other, longest).orElse(Double.POSITIVE_INFINITY),
            longest);
  }

  private boolean faster(Throughput.Pass pass, String model, String other, int tokens) {
    return speed(model, pass, tokens) > speed(other, pass, tokens);
  }

  private OptionalDouble ratio(Throughput.Pass pass, String model, String other, int tokens) {
    double reference = speed(other, pass, tokens);
    return reference > 0
        ? OptionalDouble.of(speed(model, pass, tokens) / reference)
        : OptionalDouble.empty();
  }

  private double speed(String model, Throughput.Pass pass, int tokens) {
    return row(model, pass, tokens).map(ThroughputRow::tokensPerSecond).orElse(0.0);
  }

  @Override
  public String html() {
    Parts page = new Parts().paragraph(experiment.question());
    List<Plot> plots = new ArrayList<>();
    for (Throughput.Pass pass : experiment.passes()) {
      plots.add(plot(pass, "tokens/s", row -> row.fits() ? row.tokensPerSecond() : Double.NaN));
      if (memoryIsKnown(pass)) {
        plots.add(
            plot(
                pass,
                "peak GiB",
                row ->
                    row.peakBytes().isPresent() ? row.peakBytes().getAsLong() / GIB : Double.NaN));
      }
    }
    page = page.section("By length", "batch 1, on " + device, plots);
    for (Table table : tables()) {
      page = page.table(table);
    }
    return Document.of("Experiment " + name, names(), page.html());
  }

  private Plot plot(Throughput.Pass pass, String title, Function<ThroughputRow, Double> value) {
    double shortest = experiment.lengths().get(0);
    Plot plot =
        new Plot(word(pass) + ": " + title, "doublings of " + Numbers.whole(shortest) + " tokens");
    for (int colour = 0; colour < names().size(); colour++) {
      Curve.Builder curve = new Curve.Builder();
      for (int tokens : experiment.lengths()) {
        Optional<Double> y = row(names().get(colour), pass, tokens).map(value);
        if (y.isPresent() && Double.isFinite(y.get())) {
          curve.add(Math.log(tokens / shortest) / Math.log(2), y.get());
        }
      }
      plot = plot.dots(names().get(colour), colour, curve.build());
    }
    return plot;
  }

  @Override
  public Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("experiment", name);
    json.put("question", experiment.question());
    json.put("device", device);
    json.put("parameters", sizes);
    json.put(
        "rows",
        rows.stream()
            .map(
                row -> {
                  Map<String, Object> values = new LinkedHashMap<>();
                  values.put("name", row.model());
                  values.put("pass", row.pass().name().toLowerCase(Locale.ROOT));
                  values.put("tokens", row.tokens());
                  values.put("tokens_per_second", row.tokensPerSecond());
                  row.peakBytes().ifPresent(bytes -> values.put("peak_bytes", bytes));
                  return values;
                })
            .toList());
    return json;
  }
}
