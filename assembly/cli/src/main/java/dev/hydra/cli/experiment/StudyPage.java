package dev.hydra.cli.experiment;

import dev.hydra.cli.page.Curve;
import dev.hydra.cli.page.Document;
import dev.hydra.cli.page.Parts;
import dev.hydra.cli.page.Plot;
import dev.hydra.cli.page.Table;
import dev.hydra.experiments.ModelOutcome;
import dev.hydra.experiments.StudyModel;
import dev.hydra.experiments.StudyTask;
import dev.hydra.experiments.TrialResult;
import dev.hydra.tasks.Condition;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A page about an experiment, which loads nothing else. */
final class StudyPage {
  private static final int MOST_SHOWN = 2000;

  private final StudyReport report;

  StudyPage(StudyReport report) {
    this.report = report;
  }

  /** Returns the page. */
  String html() {
    List<StudyModel> models = report.study().models();
    Parts page = new Parts().paragraph(report.study().question());
    List<Table> tables = report.tables();
    int perTask = (tables.size() - 1) / report.study().tasks().size();
    for (int i = 0; i < report.study().tasks().size(); i++) {
      StudyTask task = report.study().tasks().get(i);
      page =
          page.section(
              task.name(),
              "computed on " + report.device() + "; thick: the first seed, thin: the others",
              List.of(
                  validation(task, "accuracy in validation", TrialResult.Point::accuracy),
                  validation(task, "loss in validation", TrialResult.Point::loss),
                  conditions(task)));
      for (Table table : tables.subList(i * perTask, (i + 1) * perTask)) {
        page = page.table(table);
      }
      page = page.details("Examples of " + task.name(), examples(task));
    }
    return Document.of(
        "Experiment " + report.name(),
        models.stream().map(StudyModel::name).toList(),
        page.table(tables.get(tables.size() - 1)).html());
  }

  @FunctionalInterface
  private interface Figure {
    double of(TrialResult.Point point);
  }

  private Plot validation(StudyTask task, String title, Figure figure) {
    Plot plot = new Plot(title, "optimizer steps");
    List<ModelOutcome> outcomes = report.of(task);
    for (int colour = 0; colour < outcomes.size(); colour++) {
      ModelOutcome outcome = outcomes.get(colour);
      String name = outcome.model().name();
      for (int seed = 0; seed < outcome.seeds().size(); seed++) {
        Curve.Builder curve = new Curve.Builder();
        outcome
            .seeds()
            .get(seed)
            .curve()
            .forEach(point -> curve.add(point.step(), figure.of(point)));
        plot =
            seed == 0
                ? plot.line(name, colour, curve.build())
                : plot.faint(name + ", seed " + seed, colour, curve.build());
      }
    }
    return plot;
  }

  private Plot conditions(StudyTask task) {
    Plot plot = new Plot("accuracy in the test by length", "tokens of an example");
    List<Condition> conditions =
        task.task().conditions().stream().sorted(Comparator.comparing(Condition::length)).toList();
    List<ModelOutcome> outcomes = report.of(task);
    for (int colour = 0; conditions.size() > 1 && colour < outcomes.size(); colour++) {
      ModelOutcome outcome = outcomes.get(colour);
      Curve.Builder curve = new Curve.Builder();
      conditions.forEach(each -> curve.add(each.length(), outcome.test(each.name()).mean()));
      plot = plot.dots(outcome.model().name(), colour, curve.build());
    }
    return plot;
  }

  /** An example of each condition, with what is to be predicted in brackets. */
  private static String examples(StudyTask task) {
    List<Condition> conditions = task.task().conditions();
    List<String> shown = new ArrayList<>();
    IntStream.range(0, conditions.size())
        .forEach(
            i -> {
              String text =
                  task.task().example(i, new SplittableRandom(i)).text(task.task().vocabulary());
              shown.add(
                  conditions.get(i).name()
                      + ":\n"
                      + text.substring(0, Math.min(MOST_SHOWN, text.length()))
                      + (text.length() > MOST_SHOWN ? " ..." : ""));
            });
    return shown.stream().collect(Collectors.joining("\n\n"));
  }
}
