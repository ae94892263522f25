package dev.hydra.experiments;

import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.libtorch.runtime.ComputeType;
import java.util.List;

/**
 * What each training of a study is given; the same for all.
 *
 * @param steps the most optimizer steps
 * @param batchSize examples of a step
 * @param groupByLength whether all examples of a step are of one condition, the conditions in turn,
 *     so that none is padded to the length of another
 * @param evaluateEvery steps between validations
 * @param validationExamples examples of a validation, of all trained conditions in turn
 * @param testExamples examples of the test of each condition
 * @param stopAt the accuracy in validation at which a training ends before its last step
 * @param selection what of the validation learning rates are chosen by
 * @param precision the type to compute in
 */
public record Budget(
    int steps,
    int batchSize,
    boolean groupByLength,
    int evaluateEvery,
    int validationExamples,
    int testExamples,
    double stopAt,
    Selection selection,
    ComputeType.Choice precision) {
  private static final Option<Integer> STEPS =
      Option.integer("steps", "the most optimizer steps of a training").atLeast(1);
  private static final Option<Integer> BATCH_SIZE =
      Option.integer("batch-size", "examples of a step").atLeast(1).orElse(64);
  private static final Option<Boolean> GROUP_BY_LENGTH =
      Option.flag(
              "group-by-length",
              "whether the examples of a step are all of one condition, the conditions in turn; where"
                  + " lengths differ much, steps are cheaper, as nothing is padded")
          .orElse(false);
  private static final Option<Integer> EVALUATE_EVERY =
      Option.integer("evaluate-every", "steps between validations").atLeast(1).orElse(100);
  private static final Option<Integer> VALIDATION =
      Option.integer("validation-examples", "examples of a validation").atLeast(1).orElse(256);
  private static final Option<Integer> TEST =
      Option.integer("test-examples", "examples of the test of each condition")
          .atLeast(1)
          .orElse(512);
  private static final Option<Double> STOP_AT =
      Option.decimal(
              "stop-at",
              "the accuracy in validation at which a training ends early; above 1 for never")
          .where(value -> value > 0, "above 0")
          .orElse(1.0);
  private static final Option<Selection> SELECTION =
      Option.choice(
              "choose-by",
              Selection.class,
              "what of the validation learning rates are chosen by; where it is the loss, no"
                  + " training ends early")
          .orElse(Selection.ACCURACY);
  private static final Option<ComputeType.Choice> PRECISION =
      Option.choice("precision", ComputeType.Choice.class, "the type to compute in")
          .orElse(ComputeType.Choice.FP32);

  /** The options, which stand in the object {@code experiment}. */
  static List<Option<?>> options() {
    return List.of(
        STEPS,
        BATCH_SIZE,
        GROUP_BY_LENGTH,
        EVALUATE_EVERY,
        VALIDATION,
        TEST,
        STOP_AT,
        SELECTION,
        PRECISION);
  }

  /** Says whether a training ends at an accuracy in validation. */
  boolean reached(double accuracy) {
    return selection == Selection.ACCURACY && accuracy >= stopAt;
  }

  static Budget of(Settings settings) {
    return new Budget(
        settings.get(STEPS),
        settings.get(BATCH_SIZE),
        settings.get(GROUP_BY_LENGTH),
        settings.get(EVALUATE_EVERY),
        settings.get(VALIDATION),
        settings.get(TEST),
        settings.get(STOP_AT),
        settings.get(SELECTION),
        settings.get(PRECISION));
  }
}
