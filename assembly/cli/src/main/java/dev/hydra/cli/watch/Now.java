package dev.hydra.cli.watch;

import dev.hydra.cli.compare.Run;
import dev.hydra.cli.page.Numbers;
import dev.hydra.cli.page.Table;
import dev.hydra.trainer.metrics.MetricLine;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/** The table of where runs are now. */
final class Now {
  /** Lines of the metrics after which a model may be another. */
  static final Set<String> CHANGES =
      Set.of("swap", "rollback", "stage", "resume", MetricLine.MODEL);

  private static final Set<String> ENDS = Set.of("end", "interrupted", "not-finite");

  private Now() {}

  /** Returns the table, a column for each run. */
  static Table table(List<WatchedRun> runs) {
    List<String> header = new ArrayList<>(List.of(""));
    runs.forEach(run -> header.add(run.name()));
    List<List<String>> rows = new ArrayList<>();
    rows.add(row("state", runs, Now::state));
    rows.add(row("step", runs, Now::step));
    rows.add(row("stage", runs, run -> stage(run.run())));
    rows.add(row("training loss", runs, run -> Numbers.fine(last(run.run(), "loss"))));
    TreeSet<String> sets = new TreeSet<>();
    runs.forEach(
        run -> run.run().lines(MetricLine.VALIDATION).forEach(l -> sets.add(l.text("set"))));
    for (String set : sets) {
      rows.add(row("bits per byte, " + set, runs, run -> Numbers.fine(score(run.run(), set))));
    }
    rows.add(
        row(
            "tokens per second",
            runs,
            run -> Numbers.shorter(last(run.run(), "tokens_per_second"))));
    rows.add(row("learning rate", runs, run -> rate(last(run.run(), "learning_rate"))));
    rows.add(
        row(
            "device memory, bytes",
            runs,
            run -> Numbers.shorter(last(run.run(), "device_peak_bytes"))));
    rows.add(
        row("host memory, bytes", runs, run -> Numbers.shorter(last(run.run(), "host_bytes"))));
    rows.removeIf(row -> row.subList(1, row.size()).stream().allMatch(Numbers.UNKNOWN::equals));
    return new Table("Now", "", header, rows);
  }

  private static List<String> row(
      String name, List<WatchedRun> runs, Function<WatchedRun, String> cell) {
    List<String> row = new ArrayList<>(List.of(name));
    runs.forEach(run -> row.add(cell.apply(run)));
    return row;
  }

  private static String state(WatchedRun run) {
    if (run.training()) {
      return "training";
    }
    String last = "not running";
    for (Map<String, Object> event : run.journal()) {
      String name = String.valueOf(event.get("event"));
      if (ENDS.contains(name)) {
        last = name.equals("end") ? "finished" : name.equals("interrupted") ? name : "not finite";
      } else if (name.equals("start")) {
        last = "not running";
      }
    }
    return last;
  }

  private static String step(WatchedRun watched) {
    Run run = watched.run();
    List<MetricLine> lines = run.lines(MetricLine.STEP);
    if (lines.isEmpty()) {
      return Numbers.UNKNOWN;
    }
    String step = Numbers.whole(lines.get(lines.size() - 1).step());
    return run.config().hasPath("trainer.steps")
        ? step + " of " + Numbers.whole(run.config().getLong("trainer.steps"))
        : step;
  }

  private static String stage(Run run) {
    List<MetricLine> stages = run.lines("stage");
    return stages.isEmpty() ? Numbers.UNKNOWN : stages.get(stages.size() - 1).text("stage");
  }

  private static double last(Run run, String metric) {
    List<MetricLine> lines = run.lines(MetricLine.STEP);
    return lines.isEmpty() ? Double.NaN : lines.get(lines.size() - 1).number(metric);
  }

  private static double score(Run run, String set) {
    List<MetricLine> lines =
        run.lines(MetricLine.VALIDATION).stream()
            .filter(line -> line.text("set").equals(set))
            .toList();
    return lines.isEmpty() ? Double.NaN : lines.get(lines.size() - 1).number("bits_per_byte");
  }

  private static String rate(double rate) {
    return Double.isFinite(rate) ? String.format(Locale.ROOT, "%.3e", rate) : Numbers.UNKNOWN;
  }
}
