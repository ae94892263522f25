package dev.hydra.cli.experiment;

import dev.hydra.cli.page.Numbers;
import dev.hydra.cli.page.Report;
import dev.hydra.cli.page.Table;
import dev.hydra.experiments.ModelOutcome;
import dev.hydra.experiments.Selection;
import dev.hydra.experiments.Spread;
import dev.hydra.experiments.Study;
import dev.hydra.experiments.StudyTask;
import dev.hydra.experiments.TrialResult;
import dev.hydra.tasks.Condition;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/**
 * What an experiment has found.
 *
 * @param name its name
 * @param device where it was computed
 * @param study the experiment
 * @param outcomes what came out for each model, task by task
 * @param speed how fast the trainings were
 */
public record StudyReport(
    String name, String device, Study study, List<ModelOutcome> outcomes, Speed speed)
    implements Report {
  /** Copies the list. */
  public StudyReport {
    outcomes = List.copyOf(outcomes);
  }

  @Override
  public String html() {
    return new StudyPage(this).html();
  }

  List<ModelOutcome> of(StudyTask task) {
    return outcomes.stream().filter(each -> each.task().equals(task)).toList();
  }

  @Override
  public List<Table> tables() {
    List<Table> all = new ArrayList<>();
    study.tasks().forEach(task -> all.addAll(tables(task)));
    all.addAll(closing());
    return all;
  }

  /** Returns the tables about a task. */
  List<Table> tables(StudyTask task) {
    List<Table> all = new ArrayList<>(List.of(accuracies(task)));
    FiguresTable.of(task, of(task)).ifPresent(all::add);
    all.add(sweep(task));
    return all;
  }

  /** Returns the tables about all of it. */
  List<Table> closing() {
    return List.of(
        SizesTable.of(study, outcomes.stream().map(ModelOutcome::size).toList()), speed.table());
  }

  private Table accuracies(StudyTask task) {
    List<Condition> conditions = task.task().conditions();
    List<String> header = new ArrayList<>(List.of(""));
    conditions.forEach(each -> header.add(each.name() + (each.trained() ? "" : " (untrained)")));
    header.addAll(List.of("learning rate", "steps", "s a training"));
    List<List<String>> rows = new ArrayList<>();
    for (ModelOutcome outcome : of(task)) {
      List<String> row = new ArrayList<>(List.of(outcome.model().name()));
      conditions.forEach(each -> row.add(accuracy(outcome.test(each.name()))));
      row.add(Numbers.plain(outcome.rate()) + (outcome.atTheEdge() ? " (edge)" : ""));
      row.add(Numbers.whole(outcome.steps().mean()));
      row.add(Numbers.shorter(outcome.seconds().mean()));
      rows.add(row);
    }
    List<String> chance = new ArrayList<>(List.of("(guessing)"));
    conditions.forEach(each -> chance.add(three(each.chance())));
    chance.addAll(List.of("", "", ""));
    rows.add(chance);
    return new Table(
        task.name() + ": accuracy",
        "test, mean and standard deviation over "
            + study.seeds()
            + (study.seeds() == 1 ? " seed" : " seeds")
            + (rows.stream().anyMatch(row -> String.join(" ", row).contains("(edge)"))
                ? "; edge: the best rate is the lowest or the highest of the sweep"
                : ""),
        header,
        rows);
  }

  /** Writes a mean and how far it spreads. */
  static String accuracy(Spread spread) {
    return spread.count() == 1
        ? three(spread.mean())
        : three(spread.mean()) + " ± " + three(spread.deviation());
  }

  private static String three(double part) {
    return String.format(Locale.ROOT, "%.3f", part);
  }

  private Table sweep(StudyTask task) {
    List<String> header = new ArrayList<>(List.of("learning rate"));
    study.rates().forEach(rate -> header.add(Numbers.plain(rate)));
    List<List<String>> rows = new ArrayList<>();
    for (ModelOutcome outcome : of(task)) {
      List<String> row = new ArrayList<>(List.of(outcome.model().name()));
      outcome
          .sweep()
          .forEach((rate, result) -> row.add(validation(rate == outcome.rate(), result)));
      rows.add(row);
    }
    return new Table(
        task.name() + ": sweep",
        (study.budget().selection() == Selection.LOSS ? "loss" : "accuracy")
            + " in validation, first seed; *: chosen",
        header,
        rows);
  }

  private String validation(boolean chosen, TrialResult result) {
    boolean byLoss = study.budget().selection() == Selection.LOSS;
    double shown = byLoss ? result.validationLoss() : result.validation();
    return (result.finished() ? three(shown) : "diverged") + (chosen ? "*" : "");
  }

  @Override
  public Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("experiment", name);
    json.put("question", study.question());
    json.put("device", device);
    json.put("seeds", study.seeds());
    json.put("learning_rates", study.rates());
    json.put("most_steps", study.budget().steps());
    json.put("batch_size", study.budget().batchSize());
    json.put("speed", speed.json());
    json.put("tasks", each(study.tasks(), StudyTask::name, this::json));
    return json;
  }

  private Map<String, Object> json(StudyTask task) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("options", task.config().root().unwrapped());
    json.put("chance", each(task.task().conditions(), Condition::name, Condition::chance));
    json.put("models", each(of(task), outcome -> outcome.model().name(), StudyReport::json));
    return json;
  }

  private static Map<String, Object> json(ModelOutcome outcome) {
    Map<String, Object> json = SizesReport.json(outcome.size());
    json.put("learning_rate", outcome.rate());
    json.put("at_the_edge", outcome.atTheEdge());
    json.put(
        "test_accuracy",
        each(
            outcome.task().task().conditions(),
            Condition::name,
            condition -> json(outcome.test(condition.name()))));
    json.put("steps", json(outcome.steps()));
    json.put("seconds", json(outcome.seconds()));
    Map<String, Object> sweep = new LinkedHashMap<>();
    json.put("measured", each(outcome.figures(), name -> name, name -> json(outcome.figure(name))));
    json.put("curves", outcome.seeds().stream().map(result -> result.measured().curves()).toList());
    outcome
        .sweep()
        .forEach(
            (rate, result) -> {
              Map<String, Object> values = new LinkedHashMap<>();
              values.put("validation_accuracy", result.validation());
              values.put("validation_loss", number(result.validationLoss()));
              values.put("finished", result.finished());
              values.put("steps", result.steps());
              sweep.put(Numbers.plain(rate), values);
            });
    json.put("sweep", sweep);
    return json;
  }

  /** JSON has no numbers that are not finite. */
  private static Object number(double value) {
    return Double.isFinite(value) ? value : String.valueOf(value);
  }

  private static Map<String, Object> json(Spread spread) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("mean", number(spread.mean()));
    json.put("standard_deviation", number(spread.deviation()));
    json.put("least", number(spread.least()));
    json.put("most", number(spread.most()));
    json.put("count", spread.count());
    return json;
  }

  private static <T> Map<String, Object> each(
      List<T> all, Function<T, String> name, Function<T, Object> value) {
    Map<String, Object> json = new LinkedHashMap<>();
    all.forEach(one -> json.put(name.apply(one), value.apply(one)));
    return json;
  }
}
