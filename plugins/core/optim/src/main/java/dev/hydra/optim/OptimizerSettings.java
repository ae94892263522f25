package dev.hydra.optim;

import com.typesafe.config.Config;
import dev.hydra.api.Choice;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Messages;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.api.Settings;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/** The configuration of the optimizer, the object {@code optimizer} of a training configuration. */
public final class OptimizerSettings {
  private static final String PATH = "optimizer";
  private static final Option<String> TYPE =
      Option.text("type", "the optimizer, whose own options stand beside these").orElse("adamw");
  private static final Option<Double> LEARNING_RATE =
      Option.decimal("learning-rate", "the highest learning rate")
          .where(value -> value > 0, "greater than 0")
          .orElse(1e-3);
  private static final Option<Integer> WARMUP_STEPS =
      Option.integer("warmup-steps", "steps in which the learning rate rises from zero")
          .atLeast(0)
          .orElse(0);
  private static final Option<Config> SCHEDULE =
      Option.plugin("schedule", "cosine", "how the learning rate goes on after the warm-up");
  private static final Option<Double> MIN_RATIO =
      Option.decimal("min-ratio", "the last learning rate as a part of the highest")
          .between(0.0, 1.0)
          .orElse(0.1);
  private static final Option<Double> CLIP =
      Option.decimal("clip", "the largest global norm of the gradients, or 0 for any")
          .atLeast(0.0)
          .orElse(1.0);
  private static final List<Option<?>> BESIDE_TYPE =
      List.of(LEARNING_RATE, WARMUP_STEPS, SCHEDULE, MIN_RATIO, CLIP);

  private final Choice<OptimizerFactory> optimizer;
  private final Choice<ScheduleFactory> schedule;

  private OptimizerSettings(Choice<OptimizerFactory> optimizer, Choice<ScheduleFactory> schedule) {
    this.optimizer = optimizer;
    this.schedule = schedule;
  }

  /** Returns the options of {@code optimizer} without those of types, for documentation. */
  public static List<Option<?>> options() {
    return Stream.concat(Stream.of(TYPE), BESIDE_TYPE.stream()).toList();
  }

  /**
   * Reads the object {@code optimizer}.
   *
   * @param plugins where the optimizer and the schedule are found
   * @throws ConfigException if it holds anything wrong
   */
  public static OptimizerSettings read(Config config, PluginRegistry plugins) {
    Choice<OptimizerFactory> optimizer =
        Choice.beside(plugins, OptimizerFactory.class, PATH, config, TYPE, BESIDE_TYPE);
    Settings settings = optimizer.settings();
    return new OptimizerSettings(
        optimizer,
        Choice.of(
            plugins, ScheduleFactory.class, settings.at(SCHEDULE.name()), settings.get(SCHEDULE)));
  }

  /** Returns the plugins that optimizer and schedule come from. */
  public List<Registration> plugins() {
    return List.of(optimizer.registration(), schedule.registration());
  }

  /**
   * Creates the optimizer for these parameters, to be closed by the caller.
   *
   * @param known the states of some of them, see {@link OptimizerContext}
   */
  public Optimizer optimizer(
      List<OptimizedParameter> parameters, Map<String, ParameterState> known) {
    OptimizerContext context = new OptimizerContext(optimizer.settings(), parameters, known);
    return optimizer.create(factory -> factory.create(context));
  }

  /** See {@link OptimizerFactory#takesWorkingGradients}. */
  public boolean takesWorkingGradients(Tensor master) {
    return optimizer.create(factory -> factory.takesWorkingGradients(master));
  }

  /** Returns the largest global norm of gradients that is left alone; infinite for any. */
  public double maxNorm() {
    double norm = optimizer.settings().get(CLIP);
    return norm == 0 ? Double.POSITIVE_INFINITY : norm;
  }

  /** Creates the clip of these gradients, to be closed by the caller. */
  public GradientClip clip(Collection<Tensor> gradients) {
    return new GradientClip(gradients, maxNorm());
  }

  /**
   * Says that the warm-up is longer than a training, which is then all warm-up.
   *
   * @param totalSteps the number of its steps, at least 1
   */
  public Optional<String> shortenedWarmup(long totalSteps) {
    int warmup = optimizer.settings().get(WARMUP_STEPS);
    return warmup <= totalSteps
        ? Optional.empty()
        : Optional.of(
            String.format(
                "optimizer.warmup-steps is %d, but the run has %s: the learning rate rises in"
                    + " these instead, and does not fall again",
                warmup, Messages.count(totalSteps, "step")));
  }

  /**
   * Returns the learning rates of a training. A warm-up that is longer than it takes all its steps.
   *
   * @param totalSteps the number of its steps, at least 1
   * @throws ConfigException if the schedule's options do not fit
   */
  public LearningRate learningRate(long totalSteps) {
    Settings settings = optimizer.settings();
    long warmup = Math.min(settings.get(WARMUP_STEPS), totalSteps);
    ScheduleContext context =
        new ScheduleContext(
            schedule.settings(), settings.get(MIN_RATIO), Math.max(0, warmup - 1), totalSteps - 1);
    return new LearningRate(
        settings.get(LEARNING_RATE),
        warmup,
        schedule.registration().type(),
        schedule.create(factory -> factory.create(context)));
  }
}
