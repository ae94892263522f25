package dev.hydra.cli.experiment;

import dev.hydra.cli.page.Document;
import dev.hydra.cli.page.Numbers;
import dev.hydra.cli.page.Parts;
import dev.hydra.cli.page.Report;
import dev.hydra.cli.page.Table;
import dev.hydra.experiments.ModelSize;
import dev.hydra.experiments.Study;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The sizes of the models of an experiment, of which nothing has been trained or timed.
 *
 * @param name its name
 * @param device where it would be computed
 * @param question what it is to answer
 * @param table the sizes for people
 * @param key what the sizes are called for programs
 * @param sizes the sizes for programs
 */
public record SizesReport(
    String name, String device, String question, Table table, String key, Map<String, Object> sizes)
    implements Report {
  /** Copies the sizes. */
  public SizesReport {
    sizes = new LinkedHashMap<>(sizes);
  }

  /** Returns those of an experiment that trains: for each task those of each model. */
  public static SizesReport of(String name, String device, Study study, List<ModelSize> sizes) {
    Map<String, Object> tasks = new LinkedHashMap<>();
    study
        .tasks()
        .forEach(task -> tasks.put(task.name(), Map.of("models", models(task.name(), sizes))));
    return new SizesReport(
        name, device, study.question(), SizesTable.of(study, sizes), "tasks", tasks);
  }

  private static Map<String, Object> models(String task, List<ModelSize> sizes) {
    Map<String, Object> models = new LinkedHashMap<>();
    sizes.stream()
        .filter(each -> each.task().equals(task))
        .forEach(each -> models.put(each.model(), json(each)));
    return models;
  }

  /** Returns a size as the values of a JSON object. */
  static Map<String, Object> json(ModelSize size) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("parameters", size.parameters());
    json.put("active_parameters", size.activeParameters());
    json.put("training_flops_per_token", size.trainingFlops());
    json.put("most_steps", size.steps());
    return json;
  }

  /** Returns those of an experiment that times models: their parameters. */
  public static SizesReport of(
      String name, String device, String question, Map<String, Long> parameters) {
    return new SizesReport(
        name,
        device,
        question,
        parametersTable(parameters),
        "parameters",
        new LinkedHashMap<>(parameters));
  }

  /** Returns the table of parameters. */
  static Table parametersTable(Map<String, Long> parameters) {
    return new Table(
        "Sizes",
        "",
        List.of("", "parameters"),
        parameters.entrySet().stream()
            .map(each -> List.of(each.getKey(), Numbers.whole(each.getValue())))
            .toList());
  }

  @Override
  public List<Table> tables() {
    return List.of(table);
  }

  @Override
  public Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("experiment", name);
    json.put("question", question);
    json.put("device", device);
    json.put(key, sizes);
    return json;
  }

  @Override
  public String html() {
    return Document.of(
        "Experiment " + name, List.of(), new Parts().paragraph(question).table(table).html());
  }
}
