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
import java.util.function.ToDoubleFunction;
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
    for (StudyTask task : report.study().tasks()) {
      List<Plot> plots =
          new ArrayList<>(
              List.of(
                  validation(task, "accuracy in validation", TrialResult.Point::accuracy),
                  validation(task, "loss in validation", TrialResult.Point::loss),
                  conditions(task)));
      plots.addAll(curves(task));
      page =
          page.section(
              task.name(),
              "computed on "
                  + report.device()
                  + "; thin: each seed, thick: the first on the way, the mean in the test",
              plots);
      for (Table table : report.tables(task)) {
        page = page.table(table);
      }
      page = page.details("Examples of " + task.name(), examples(task));
    }
    for (Table table : report.closing()) {
      page = page.table(table);
    }
    return Document.of(
        "Experiment " + report.name(), models.stream().map(StudyModel::name).toList(), page.html());
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

  /** Returns a plot for each model and curve that a measure has drawn, a line for each seed. */
  private List<Plot> curves(StudyTask task) {
    List<Plot> plots = new ArrayList<>();
    List<ModelOutcome> outcomes = report.of(task);
    for (int model = 0; model < outcomes.size(); model++) {
      int colour = model;
      String name = outcomes.get(model).model().name();
      List<TrialResult> seeds = outcomes.get(model).seeds();
      for (String curve : seeds.get(0).measured().curves().keySet()) {
        Plot plot = new Plot(curve + ": true over false positives", "part of false positives");
        for (int seed = 0; seed < seeds.size(); seed++) {
          Curve.Builder points = new Curve.Builder();
          seeds
              .get(seed)
              .measured()
              .curves()
              .getOrDefault(curve, List.of())
              .forEach(point -> points.add(point.get(0), point.get(1)));
          plot =
              seed == 0
                  ? plot.line(name, colour, points.build())
                  : plot.faint(name + ", seed " + seed, colour, points.build());
        }
        plots.add(plot);
      }
    }
    return plots;
  }

  /** Returns the accuracies of conditions, those of short texts first: few lie evenly. */
  private Plot conditions(StudyTask task) {
    List<String> conditions =
        task.task().conditions().stream()
            .sorted(Comparator.comparing(Condition::length))
            .map(Condition::name)
            .toList();
    Plot plot = Plot.over("accuracy in the test", conditions);
    List<ModelOutcome> outcomes = report.of(task);
    for (int colour = 0; conditions.size() > 1 && colour < outcomes.size(); colour++) {
      ModelOutcome outcome = outcomes.get(colour);
      String name = outcome.model().name();
      plot = plot.dots(name, colour, over(conditions, each -> outcome.test(each).mean()));
      for (int seed = 0; outcome.seeds().size() > 1 && seed < outcome.seeds().size(); seed++) {
        TrialResult result = outcome.seeds().get(seed);
        Curve curve = over(conditions, each -> result.test().getOrDefault(each, Double.NaN));
        plot = plot.faint(name + ", seed " + seed, colour, curve);
      }
    }
    return plot;
  }

  private static Curve over(List<String> conditions, ToDoubleFunction<String> accuracy) {
    Curve.Builder curve = new Curve.Builder();
    for (int i = 0; i < conditions.size(); i++) {
      curve.add(i, accuracy.applyAsDouble(conditions.get(i)));
    }
    return curve.build();
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
