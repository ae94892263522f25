package dev.hydra.cli.compare;

import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValue;
import dev.hydra.cli.page.Numbers;
import dev.hydra.cli.page.Report;
import dev.hydra.cli.page.Table;
import dev.hydra.trainer.metrics.MetricLine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Stream;

/** Runs side by side; of one run alone, what there is to say of it. */
public final class Comparison implements Report {
  private static final String NOT_SET = "not set";

  private final List<Run> runs;
  private final List<Figures> figures;
  private final List<EqualPoint> equalPoints;
  private final List<ConfigDifference> differences;

  /**
   * Reads and compares run folders.
   *
   * @throws dev.hydra.cli.common.UsageException if a folder is not that of a run
   */
  public static Comparison of(List<Path> folders) throws IOException {
    return new Comparison(Run.read(folders));
  }

  /** Compares runs that were read. */
  public Comparison(List<Run> runs) {
    this.runs = runs;
    figures = runs.stream().map(Figures::new).toList();
    equalPoints = EqualPoint.of(runs);
    differences = ConfigDifference.between(runs.stream().map(Run::config).toList());
  }

  List<Run> runs() {
    return runs;
  }

  /** Says whether all runs cut text into the same tokens, so that their losses can be compared. */
  boolean sameTokenizer() {
    return differences.stream().noneMatch(each -> each.key().startsWith("data.tokenizer"));
  }

  @Override
  public String html() {
    return new Page(this).html();
  }

  @Override
  public Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("runs", figures.stream().map(Figures::json).toList());
    json.put("same_tokenizer", sameTokenizer());
    json.put("equal", equalPoints.stream().map(each -> each.json(runs)).toList());
    json.put("differences", differences.stream().map(each -> each.json(runs)).toList());
    if (runs.size() == 1) {
      json.put("config", runs.get(0).config().root().unwrapped());
    }
    return json;
  }

  @Override
  public List<Table> tables() {
    List<Table> tables = new ArrayList<>();
    tables.add(table("Runs", "", figureRows()));
    if (runs.size() > 1) {
      tables.add(
          table(
              "At equal steps, tokens and time",
              equalNote(),
              equalPoints.stream().map(Comparison::row).toList()));
      tables.add(
          table(
              "What differs in the configurations",
              differences.isEmpty() ? "nothing" : "as the runs began",
              differences.stream().map(Comparison::row).toList()));
    }
    return tables;
  }

  private String equalNote() {
    StringBuilder note =
        new StringBuilder(
            "the most that all have done; values between two evaluations by linear interpolation");
    if (equalPoints.stream().anyMatch(each -> each.metric().equals(EqualPoint.LOSS))) {
      note.append("; no two have scored the same text, so by training loss");
      if (!sameTokenizer()) {
        note.append(", which cannot be compared: the tokenizers are not the same");
      }
    } else if (runs.stream().anyMatch(Run::scoresUnevenly)) {
      note.append("; scores of one run are of more or less text than others of it");
    }
    return note.toString();
  }

  private Table table(String title, String note, List<List<String>> rows) {
    List<String> header = new ArrayList<>(List.of(""));
    runs.forEach(run -> header.add(run.name()));
    return new Table(title, note, header, rows);
  }

  private static List<String> row(EqualPoint point) {
    String place =
        switch (point.axis()) {
          case STEP -> Numbers.whole(point.at()) + " steps";
          case TOKENS -> Numbers.whole(point.at()) + " tokens";
          case SECONDS -> Numbers.duration(point.at());
        };
    List<String> row = new ArrayList<>(List.of(point.name() + ", at " + place));
    point.values().forEach(value -> row.add(Numbers.fine(value.orElse(Double.NaN))));
    return row;
  }

  private static List<String> row(ConfigDifference difference) {
    List<String> row = new ArrayList<>(List.of(difference.key()));
    difference.values().forEach(value -> row.add(text(value)));
    return row;
  }

  private static String text(Optional<ConfigValue> value) {
    return value.map(each -> each.render(ConfigRenderOptions.concise())).orElse(NOT_SET);
  }

  private List<List<String>> figureRows() {
    Stream.Builder<List<String>> rows = Stream.builder();
    rows.add(row("parameters", each -> Numbers.shorter(each.model("parameters"))));
    rows.add(row("active parameters", each -> Numbers.shorter(each.model("active_parameters"))));
    rows.add(
        row(
            "training FLOPs per token",
            each -> Numbers.shorter(each.model("training_flops_per_token"))));
    rows.add(row("sequence length", each -> Numbers.whole(each.model("sequence_length"))));
    rows.add(row("device", each -> orUnknown(each.modelText("device"))));
    rows.add(row("compute type", each -> orUnknown(each.modelText("compute"))));
    rows.add(row("steps", each -> Numbers.whole(each.steps())));
    rows.add(row("tokens", each -> Numbers.shorter(each.last("tokens"))));
    rows.add(row("training FLOPs", each -> Numbers.shorter(each.trainingFlops())));
    rows.add(row("time of training", each -> Numbers.duration(each.last("seconds"))));
    rows.add(row("tokens per second (median)", each -> speed(each)));
    rows.add(
        row("waiting for data (median part)", each -> Numbers.percent(each.median("data_wait"))));
    rows.add(row("MFU (median)", each -> Numbers.percent(each.median("mfu"))));
    rows.add(row("device memory, peak (bytes)", each -> memory(each, "device_peak_bytes")));
    rows.add(row("host memory, peak (bytes)", each -> memory(each, "host_bytes")));
    rows.add(row("training loss, last", each -> Numbers.fine(each.last("loss"))));
    rows.add(row("stages, from step", each -> each.changes("stage")));
    rows.add(row("swaps, after step", each -> each.changes("swap")));
    rows.add(row("rollbacks, after step", each -> each.changes("rollback")));
    TreeSet<String> sets = new TreeSet<>();
    runs.forEach(run -> sets.addAll(run.validationSets()));
    for (String set : sets) {
      rows.add(row(EqualPoint.score(set), each -> Numbers.fine(score(each, set))));
    }
    return rows.build()
        .filter(
            row -> row.subList(1, row.size()).stream().anyMatch(c -> !c.equals(Numbers.UNKNOWN)))
        .toList();
  }

  private List<String> row(String name, Function<Figures, String> cell) {
    return Stream.concat(Stream.of(name), figures.stream().map(cell)).toList();
  }

  private static String speed(Figures figures) {
    return Numbers.shorter(figures.median("tokens_per_second"));
  }

  private static String memory(Figures figures, String metric) {
    return Numbers.shorter(figures.most(metric));
  }

  private static double score(Figures figures, String set) {
    MetricLine line = figures.scores().get(set);
    return line == null ? Double.NaN : line.number("bits_per_byte");
  }

  private static String orUnknown(String text) {
    return text.isEmpty() ? Numbers.UNKNOWN : text;
  }
}
