package dev.hydra.optim;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.optim.Schedule.Decay;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** The configuration of the optimizer, the object {@code optimizer} of a training configuration. */
public final class OptimizerSettings {
  private enum Type {
    ADAMW
  }

  private static final Option<Type> TYPE =
      Option.choice("type", Type.class, "how parameters follow their gradients").orElse(Type.ADAMW);
  private static final Option<Double> LEARNING_RATE =
      positive("learning-rate", "the highest learning rate").orElse(1e-3);
  private static final Option<Double> BETA1 =
      beta("beta1", "how much of the gradients' running average a step keeps").orElse(0.9);
  private static final Option<Double> BETA2 =
      beta("beta2", "how much of the squared gradients' running average a step keeps").orElse(0.95);
  private static final Option<Double> EPS =
      positive("eps", "added to the root of the squares' average").orElse(1e-8);
  private static final Option<Double> WEIGHT_DECAY =
      Option.decimal("weight-decay", "decay of weight matrices, times the learning rate")
          .atLeast(0.0)
          .orElse(0.1);
  private static final Option<Integer> WARMUP_STEPS =
      Option.integer("warmup-steps", "steps in which the learning rate rises from zero")
          .atLeast(0)
          .orElse(0);
  private static final Option<Decay> SCHEDULE =
      Option.choice("schedule", Decay.class, "how the learning rate falls after the warm-up")
          .orElse(Decay.COSINE);
  private static final Option<Double> MIN_RATIO =
      Option.decimal("min-ratio", "the last learning rate as a part of the highest")
          .between(0.0, 1.0)
          .orElse(0.1);
  private static final Option<Double> CLIP =
      Option.decimal("clip", "the largest global norm of the gradients, or 0 for any")
          .atLeast(0.0)
          .orElse(1.0);

  private final Settings settings;

  private OptimizerSettings(Settings settings) {
    this.settings = settings;
  }

  /**
   * Reads the object {@code optimizer}.
   *
   * @throws ConfigException if it holds anything wrong
   */
  public static OptimizerSettings read(Config optimizer) {
    return new OptimizerSettings(Settings.read("optimizer", optimizer, options()));
  }

  /** What the object may hold. */
  public static List<Option<?>> options() {
    return List.of(
        TYPE,
        LEARNING_RATE,
        BETA1,
        BETA2,
        EPS,
        WEIGHT_DECAY,
        WARMUP_STEPS,
        SCHEDULE,
        MIN_RATIO,
        CLIP);
  }

  /**
   * The optimizer for these parameters, to be closed by the caller.
   *
   * @param known what is remembered of some of them, see {@link AdamW#moments}
   */
  public AdamW optimizer(List<OptimizedParameter> parameters, Map<String, Moments> known) {
    return switch (settings.get(TYPE)) {
      case ADAMW ->
          new AdamW(
              parameters,
              new AdamW.Constants(
                  settings.get(BETA1),
                  settings.get(BETA2),
                  settings.get(EPS),
                  settings.get(WEIGHT_DECAY)),
              known);
    };
  }

  /** What clips these gradients, to be closed by the caller. */
  public GradientClip clip(Collection<Tensor> gradients) {
    double norm = settings.get(CLIP);
    return new GradientClip(gradients, norm == 0 ? Double.POSITIVE_INFINITY : norm);
  }

  /**
   * The learning rates of a training.
   *
   * @param totalSteps the number of its steps, at least 1
   * @throws ConfigException if the warm-up takes longer
   */
  public Schedule schedule(long totalSteps) {
    int warmup = settings.get(WARMUP_STEPS);
    if (warmup > totalSteps) {
      throw settings.invalid(
          WARMUP_STEPS,
          "a warm-up of "
              + warmup
              + " steps does not fit into a training of "
              + totalSteps
              + "; lower it or train longer");
    }
    return new Schedule(
        settings.get(SCHEDULE),
        settings.get(LEARNING_RATE),
        settings.get(MIN_RATIO),
        warmup,
        totalSteps);
  }

  private static Option<Double> positive(String name, String doc) {
    return Option.decimal(name, doc).where(value -> value > 0, "greater than 0");
  }

  private static Option<Double> beta(String name, String doc) {
    return Option.decimal(name, doc)
        .where(value -> value >= 0 && value < 1, "at least 0 and less than 1");
  }
}
