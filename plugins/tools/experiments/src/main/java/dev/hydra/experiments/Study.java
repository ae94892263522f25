package dev.hydra.experiments;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.Choice;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Names;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.NamedObjects;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.composer.config.QuickPart;
import dev.hydra.experiments.measure.Measure;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.TaskContext;
import dev.hydra.tasks.TaskFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * An experiment as configured: models that are compared on tasks.
 *
 * @param question what it should show
 * @param tasks the tasks
 * @param models the models
 * @param sizes how much their sizes may differ
 * @param rates the learning rates that are swept, ascending
 * @param seeds how many seeds each model is trained with
 * @param budget what each training is given
 * @param measures what is measured besides accuracy, by name
 * @param measuresConfig what they were read from
 * @param optimizer the object {@code optimizer}, in which the learning rate is replaced
 * @param plugins where optimizer and schedule are found
 */
public record Study(
    String question,
    List<StudyTask> tasks,
    List<StudyModel> models,
    EqualSizes sizes,
    List<Double> rates,
    int seeds,
    Budget budget,
    Map<String, Measure> measures,
    Config measuresConfig,
    Config optimizer,
    PluginRegistry plugins) {
  private static final String PATH = "experiment";
  private static final List<String> PARTS = List.of(PATH, "optimizer", QuickPart.NAME);
  private static final int FEWEST_RATES = 4;

  private static final Option<String> QUESTION =
      Option.text("question", "what the experiment should show, in a sentence");
  private static final Option<Optional<ConfigValue>> TASKS =
      Option.any("tasks", "object of objects", "the tasks by name, each { type = NAME, options }")
          .optional("required");
  private static final Option<Optional<ConfigValue>> MODELS =
      Option.any("models", "object of objects", "the models by name, each { model { ... } }")
          .optional("required");
  private static final Option<Optional<ConfigValue>> MEASURES =
      Option.any(
              "measures",
              "object of objects",
              "what is measured besides accuracy, by name, each { type = NAME, options }")
          .optional("nothing");
  private static final Option<Optional<ConfigValue>> EQUAL =
      Option.any("equal", "object", "how much the sizes of models may differ")
          .optional("its defaults");
  private static final Option<List<Double>> RATES =
      Option.decimals(
              "learning-rates", "the rates that are swept, of which each model takes its best")
          .where(
              all ->
                  all.stream().distinct().count() >= FEWEST_RATES
                      && all.stream().allMatch(rate -> rate > 0),
              "at least " + FEWEST_RATES + " different numbers above 0");
  private static final Option<Integer> SEEDS =
      Option.integer("seeds", "how often each model is trained at its best learning rate")
          .atLeast(1)
          .orElse(3);

  /** Copies the lists. */
  public Study {
    tasks = List.copyOf(tasks);
    models = List.copyOf(models);
    measures = new TreeMap<>(measures);
    rates = rates.stream().sorted().distinct().toList();
  }

  private static List<Option<?>> options() {
    return Stream.concat(
            Stream.of(QUESTION, TASKS, MODELS, MEASURES, EQUAL, RATES, SEEDS),
            Budget.options().stream())
        .toList();
  }

  /** Returns the options of a file of an experiment, for documentation. */
  public static List<OptionGroup> documentation() {
    return List.of(
        new OptionGroup(
            PATH,
            "An experiment of `hydra experiment run`. The optimizer stands beside it; what stands"
                + " in `quick` overrides it with --quick.",
            options()),
        new OptionGroup(
            "experiment.models.NAME", "A model that is compared.", StudyModel.options()),
        new OptionGroup(
            "experiment.models.NAME.stages[]",
            "What a model begins as, before it is the whole one.",
            TrialStage.options()),
        new OptionGroup(
            "experiment.measures.NAME",
            "What is measured besides accuracy, on the test of every training.",
            Measure.options()),
        new OptionGroup(
            "experiment.equal",
            "How much models may differ in size; more is an error before anything is trained.",
            EqualSizes.options()));
  }

  /**
   * Reads an experiment.
   *
   * @param overrides what the file was read with, see {@link ConfigFiles#load}; it is stronger than
   *     {@code quick}, too
   * @param plugins where tasks, optimizer and schedule are found
   * @param roots the folders in which relative names of data files are looked for, in order
   * @param quick whether what stands in {@code quick} counts
   * @throws ConfigException for the first mistake, with file, line and path
   */
  public static Study read(
      Config file,
      List<String> overrides,
      PluginRegistry plugins,
      List<Path> roots,
      boolean quick) {
    ConfigFiles.allow(file, PARTS);
    QuickPart.check(file, PATH, options(), List.of(TASKS, MODELS, MEASURES));
    Config given = ConfigFiles.part(file, PATH);
    Config config = quick ? QuickPart.over(file, PATH, overrides) : given;
    Settings settings = Settings.read(PATH, config, options());
    Config optimizer = ConfigFiles.part(file, "optimizer");
    Study study =
        new Study(
            settings.get(QUESTION),
            each(
                NamedObjects.read(config, given, settings, TASKS),
                (name, object) -> {
                  String path = PATH + ".tasks." + name;
                  Choice<TaskFactory> choice = Choice.of(plugins, TaskFactory.class, path, object);
                  return new StudyTask(
                      name,
                      object,
                      choice.registration().plugin(),
                      choice.create(
                          factory -> factory.create(new TaskContext(choice.settings(), roots))));
                }),
            each(NamedObjects.read(config, given, settings, MODELS), StudyModel::read),
            EqualSizes.read(config),
            settings.get(RATES),
            settings.get(SEEDS),
            Budget.of(settings),
            measures(config),
            ConfigFiles.part(config, MEASURES.name()),
            optimizer,
            plugins);
    study.checkMeasures(settings);
    var unused = study.optimizer(study.rates.get(0)).learningRate(study.budget.steps()); // checks
    return study;
  }

  private static Map<String, Measure> measures(Config config) {
    Map<String, Measure> all = new TreeMap<>();
    Config part = ConfigFiles.part(config, MEASURES.name());
    for (String name : part.root().keySet()) {
      all.put(name, Measure.read(PATH + "." + MEASURES.name() + "." + name, part.getConfig(name)));
    }
    return all;
  }

  private void checkMeasures(Settings settings) {
    List<String> known =
        tasks.stream()
            .flatMap(task -> task.task().conditions().stream())
            .map(Condition::name)
            .toList();
    measures.forEach(
        (name, measure) ->
            measure.needed().stream()
                .filter(needed -> !known.contains(needed))
                .findFirst()
                .ifPresent(
                    needed -> {
                      throw settings.invalid(
                          MEASURES, name + ": " + Names.unknown("condition", needed, known));
                    }));
  }

  private static <T> List<T> each(
      Map<String, Config> objects, BiFunction<String, Config, T> reader) {
    return objects.entrySet().stream()
        .map(each -> reader.apply(each.getKey(), each.getValue()))
        .toList();
  }

  /** Returns the optimizer with a learning rate. */
  public OptimizerSettings optimizer(double rate) {
    return OptimizerSettings.read(optimizerConfig(rate), plugins);
  }

  /** Returns the object {@code optimizer} with a learning rate. */
  Config optimizerConfig(double rate) {
    return optimizer.withValue(
        "learning-rate", ConfigValueFactory.fromAnyRef(rate, "experiment.learning-rates"));
  }

  /** Returns this study with another number of seeds. */
  public Study withSeeds(int count) {
    return new Study(
        question,
        tasks,
        models,
        sizes,
        rates,
        count,
        budget,
        measures,
        measuresConfig,
        optimizer,
        plugins);
  }
}
