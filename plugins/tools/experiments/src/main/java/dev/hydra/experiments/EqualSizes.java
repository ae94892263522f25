package dev.hydra.experiments;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Names;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How much the sizes of models that are compared may differ from that of one of them.
 *
 * @param to the name of that one; empty for the first
 * @param parameters the greatest difference of parameters, as a part
 * @param flops the greatest difference of FLOPs of a whole training, as a part
 * @param bySteps whether models whose tokens take more FLOPs are given fewer steps
 * @param settings where this was read from, for messages
 */
public record EqualSizes(
    Optional<String> to, double parameters, double flops, boolean bySteps, Settings settings) {
  private static final Option<Optional<String>> TO =
      Option.text("to", "the model that others are compared with").optional("the first");
  private static final Option<Double> PARAMETERS =
      Option.decimal("parameters", "how much parameters may differ, as a part")
          .atLeast(0.0)
          .orElse(0.05);
  private static final Option<Double> FLOPS =
      Option.decimal("flops", "how much the FLOPs of a whole training may differ, as a part")
          .atLeast(0.0)
          .orElse(0.1);
  private static final Option<Boolean> BY_STEPS =
      Option.flag(
              "flops-by-steps",
              "whether models whose tokens take more FLOPs are given fewer steps, and others more,"
                  + " so that whole trainings take the same")
          .orElse(false);

  static List<Option<?>> options() {
    return List.of(TO, PARAMETERS, FLOPS, BY_STEPS);
  }

  /** Reads them from an experiment, whose place messages name where it says nothing of them. */
  static EqualSizes read(Config experiment) {
    Config part = ConfigFiles.part(experiment, "equal");
    Config config = part.isEmpty() ? part.root().withOrigin(experiment.origin()).toConfig() : part;
    Settings settings = Settings.read("experiment.equal", config, options());
    return new EqualSizes(
        settings.get(TO),
        settings.get(PARAMETERS),
        settings.get(FLOPS),
        settings.get(BY_STEPS),
        settings);
  }

  /**
   * Counts the sizes of all models for all tasks.
   *
   * @throws ConfigException if a model does not fit a task, has a stage without a step, or differs
   *     too much from the one that it is compared with
   */
  public List<ModelSize> check(Study study, Components components) {
    List<String> names = study.models().stream().map(StudyModel::name).toList();
    String reference = to.orElse(names.get(0));
    if (!names.contains(reference)) {
      throw settings.invalid(TO, Names.unknown("model", reference, names));
    }
    List<ModelSize> all = new ArrayList<>();
    for (StudyTask task : study.tasks()) {
      List<ModelSize> counted =
          study.models().stream()
              .map(model -> ModelSize.of(task, model, components, study.budget().steps()))
              .toList();
      ModelSize first = counted.get(names.indexOf(reference));
      for (int i = 0; i < counted.size(); i++) {
        ModelSize each = counted.get(i);
        ModelSize size = bySteps ? each.withFlopsOf(first) : each;
        study.models().get(i).checkSteps(size.steps());
        compare(PARAMETERS, parameters, size.parameters(), first.parameters(), size, first);
        compare(FLOPS, flops, size.wholeFlops(), first.wholeFlops(), size, first);
        all.add(size);
      }
    }
    return List.copyOf(all);
  }

  private void compare(
      Option<?> option, double allowed, double own, double other, ModelSize model, ModelSize to) {
    double difference = own / other - 1;
    if (Math.abs(difference) > allowed) {
      throw settings.invalid(
          option,
          String.format(
              Locale.ROOT,
              "allows a difference of %.3g, but %s has %,.0f %s for the task %s, %s has %,.0f"
                  + " (%+.3f of it); change the model's width, depth or hidden sizes"
                  + (option == FLOPS ? ", set flops-by-steps = true" : "")
                  + ", or say here that so much is meant",
              allowed,
              model.model(),
              own,
              option == FLOPS ? "FLOPs of training on a token of each step" : "parameters",
              model.task(),
              to.model(),
              other,
              difference));
    }
  }
}
