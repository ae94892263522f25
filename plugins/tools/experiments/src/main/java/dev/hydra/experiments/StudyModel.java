package dev.hydra.experiments;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.spec.ModelSpec;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A model of a study.
 *
 * @param name its name there
 * @param config the object {@code model}, as a configuration of a training has it
 * @param stages what it begins as; empty if it is the whole model from the first step on
 * @param growIn the part of the steps in which what the whole model has besides the last stage
 *     grows in
 * @param longest the most tokens that it is meant for, if it has a limit
 */
public record StudyModel(
    String name, Config config, List<TrialStage> stages, double growIn, Optional<Integer> longest) {
  private static final String VOCAB_SIZE = "vocab-size";

  static final Option<Optional<Integer>> LONGEST =
      Option.integer("longest", "the most tokens that the model is meant for")
          .atLeast(1)
          .optional("no limit");
  private static final Option<Optional<ConfigValue>> STAGES =
      Option.any(
              "stages",
              "list of objects",
              "what the model begins as, each { until = PART OF THE STEPS, grow-in, model { ... }"
                  + " }, where model holds what it has in the place of the whole one's")
          .optional("none: the whole model from the first step on");
  static final Option<Optional<ConfigValue>> MODEL =
      Option.any(
              "model",
              "object",
              "the model, as in a training configuration; its vocab-size is that of the task where"
                  + " it is left out")
          .optional("required");

  /** Returns the options of an object of {@code experiment.models}, for documentation. */
  static List<Option<?>> options() {
    return List.of(MODEL, STAGES, TrialStage.GROW_IN, LONGEST);
  }

  /** Reads an object of {@code experiment.models}. */
  static StudyModel read(String name, Config config) {
    String path = "experiment.models." + name;
    Settings settings = Settings.read(path, config, options());
    if (!config.hasPath(MODEL.name())) {
      throw settings.invalid(MODEL, "is required: an object, as in a training configuration");
    }
    List<TrialStage> stages =
        config.hasPath(STAGES.name())
            ? TrialStage.readAll(path + "." + STAGES.name(), config, config.getValue(STAGES.name()))
            : List.of();
    if (stages.isEmpty() && settings.get(TrialStage.GROW_IN) > 0) {
      throw settings.invalid(
          TrialStage.GROW_IN, "has nothing to grow into without stages; leave it out");
    }
    return new StudyModel(
        name,
        config.getConfig(MODEL.name()),
        stages,
        settings.get(TrialStage.GROW_IN),
        settings.get(LONGEST));
  }

  /**
   * Checks that each stage and the whole model have a step.
   *
   * @throws ConfigException if one has none of so many
   */
  void checkSteps(int steps) {
    double from = 0;
    for (int i = 0; i <= stages.size(); i++) {
      boolean whole = i == stages.size();
      double until = whole ? 1 : stages.get(i).until();
      if (Math.round(until * steps) == Math.round(from * steps)) {
        throw new ConfigException(
            config.origin(),
            "experiment.models." + name,
            String.format(
                Locale.ROOT,
                "%s has no step: %s of %,d steps; give it a greater part, or the training more"
                    + " steps",
                whole ? "the whole model, after its stages," : "stages[" + i + "]",
                TrialStage.shown(until - from),
                steps));
      }
      from = until;
    }
  }

  /** Returns the model for a task as it is in a stage; behind the last one it is the whole. */
  ModelSpec spec(StudyTask task, int stage) {
    return stage < stages.size()
        ? new StudyModel(
                name, stages.get(stage).model().withFallback(config), List.of(), 0, longest)
            .spec(task)
        : spec(task);
  }

  /**
   * Returns the whole model for a task.
   *
   * @throws ConfigException if it has not enough tokens, or is not meant for so many
   */
  public ModelSpec spec(StudyTask task) {
    int needed = task.vocabSize();
    Config sized =
        config.hasPath(VOCAB_SIZE)
            ? config
            : config.withValue(
                VOCAB_SIZE,
                ConfigValueFactory.fromAnyRef(needed, "the vocabulary of task " + task.name()));
    ModelSpec spec = ModelSpec.read(ConfigFactory.empty().withValue("model", sized.root()));
    if (spec.vocabSize() < needed) {
      throw new ConfigException(
          sized.getValue(VOCAB_SIZE).origin(),
          "experiment.models." + name + ".model." + VOCAB_SIZE,
          "is "
              + spec.vocabSize()
              + ", but the task "
              + task.name()
              + " has "
              + needed
              + " tokens; leave it out, and each task's own is taken");
    }
    task.task()
        .conditions()
        .forEach(
            condition -> {
              if (longest.isPresent() && condition.length() > longest.get()) {
                throw new ConfigException(
                    config.origin(),
                    "experiment.models." + name + ".longest",
                    "is "
                        + longest.get()
                        + " tokens, but the task "
                        + task.name()
                        + " reads "
                        + condition.length()
                        + " in its condition "
                        + condition.name());
              }
            });
    return spec;
  }
}
