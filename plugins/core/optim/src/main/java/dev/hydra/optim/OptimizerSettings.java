package dev.hydra.optim;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValue;
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
  private static final Option<Double> WARMUP_FRACTION =
      Option.decimal("warmup-fraction", "the same as a part of all steps, instead of warmup-steps")
          .between(0.0, 1.0)
          .orElse(0.0);
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
  private static final Option<Optional<ConfigValue>> GROUPS =
      Option.any(
              "groups",
              "list of objects { match, learning-rate-factor, options }",
              "parameters that are treated in other ways: the first group counts whose match (a"
                  + " pattern of names, or a list) fits, and may set options of the optimizer anew")
          .optional("none");
  private static final List<Option<?>> BESIDE_TYPE =
      List.of(LEARNING_RATE, WARMUP_STEPS, WARMUP_FRACTION, SCHEDULE, MIN_RATIO, CLIP, GROUPS);

  private final Choice<OptimizerFactory> optimizer;
  private final ParameterGroups groups;
  private final Choice<ScheduleFactory> schedule;
  private final Optional<Double> averageDecay;

  private OptimizerSettings(
      Choice<OptimizerFactory> optimizer,
      ParameterGroups groups,
      Choice<ScheduleFactory> schedule,
      Optional<Double> averageDecay) {
    this.averageDecay = averageDecay;
    this.optimizer = optimizer;
    this.groups = groups;
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
    if (settings.isSet(WARMUP_STEPS) && settings.isSet(WARMUP_FRACTION)) {
      throw settings.invalid(
          WARMUP_FRACTION, "warmup-steps is set, too; leave one of them out (in HOCON: = null)");
    }
    return new OptimizerSettings(
        optimizer,
        groups(optimizer, config),
        Choice.of(
            plugins, ScheduleFactory.class, settings.at(SCHEDULE.name()), settings.get(SCHEDULE)),
        Optional.empty());
  }

  /**
   * Returns these settings for optimizers that keep an exponential moving average of the
   * parameters, too, as {@link ParameterState#EMA} in their states.
   *
   * @param decay how much of the average a step keeps, in [0, 1)
   */
  public OptimizerSettings averaging(double decay) {
    return new OptimizerSettings(optimizer, groups, schedule, Optional.of(decay));
  }

  private static ParameterGroups groups(Choice<OptimizerFactory> optimizer, Config config) {
    Settings settings = optimizer.settings();
    Optional<ConfigValue> written = settings.get(GROUPS);
    if (written.isEmpty()) {
      return ParameterGroups.none(settings);
    }
    if (!optimizer.factory().takesGroups()) {
      throw settings.invalid(
          GROUPS,
          "the optimizer " + optimizer.registration().type() + " treats all parameters alike");
    }
    return ParameterGroups.read(
        settings, GROUPS, written.get(), config, optimizer.factory().options());
  }

  /**
   * Says which groups have no parameter.
   *
   * @param parameters the names of those that are trained
   */
  public List<String> unusedGroups(Collection<String> parameters) {
    return groups.unused(parameters);
  }

  /** Returns the name of the optimizer's type, such as {@code adamw}. */
  public String type() {
    return optimizer.registration().type();
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
    Map<String, ParameterState> own =
        averageDecay.isPresent() ? AveragingOptimizer.without(known) : known;
    OptimizerContext context = new OptimizerContext(optimizer.settings(), groups, parameters, own);
    Optimizer made = optimizer.create(factory -> factory.create(context));
    return averageDecay.isPresent()
        ? new AveragingOptimizer(made, parameters, averageDecay.get(), known)
        : made;
  }

  /** Says what {@link OptimizerFactory#takesWorkingGradients} of the optimizer says. */
  public boolean takesWorkingGradients(Tensor master) {
    return optimizer.create(factory -> factory.takesWorkingGradients(groups, master));
  }

  /** Says what {@link OptimizerFactory#takesDenseTables} of the optimizer says. */
  public boolean takesDenseTables() {
    return optimizer.factory().takesDenseTables();
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
    long warmup =
        settings.isSet(WARMUP_FRACTION)
            ? Math.round(settings.get(WARMUP_FRACTION) * totalSteps)
            : Math.min(settings.get(WARMUP_STEPS), totalSteps);
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
