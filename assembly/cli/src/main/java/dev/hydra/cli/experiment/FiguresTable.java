package dev.hydra.cli.experiment;

import dev.hydra.cli.page.Table;
import dev.hydra.experiments.ModelOutcome;
import dev.hydra.experiments.StudyTask;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Shows what was measured besides accuracy. */
final class FiguresTable {
  private FiguresTable() {}

  /** Returns a row for each figure and a column for each model; empty if there is none. */
  static Optional<Table> of(StudyTask task, List<ModelOutcome> outcomes) {
    List<String> figures =
        outcomes.stream().flatMap(each -> each.figures().stream()).distinct().toList();
    if (figures.isEmpty()) {
      return Optional.empty();
    }
    List<String> header = new ArrayList<>(List.of(""));
    outcomes.forEach(each -> header.add(each.model().name()));
    List<List<String>> rows = new ArrayList<>();
    for (String figure : figures) {
      List<String> row = new ArrayList<>(List.of(figure));
      for (ModelOutcome each : outcomes) {
        row.add(each.figures().contains(figure) ? StudyReport.accuracy(each.figure(figure)) : "-");
      }
      rows.add(row);
    }
    return Optional.of(
        new Table(
            task.name() + ": measures",
            "on the test, mean and standard deviation over seeds; -: the model has no such part",
            header,
            rows));
  }
}
