package dev.hydra.trainer.step;

import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.Tensor;

/** How a step is made on a kind of device. */
interface StepPlan extends AutoCloseable {
  /** What a step is given. */
  record Inputs(
      IntFunction<Tensor> windows,
      int forwards,
      double learningRate,
      Runnable beforeUpdate,
      BooleanSupplier stop) {
    /** Says whether the step is given up before a forward. */
    boolean givenUpBefore(int forward) {
      return forward > 0 && stop.getAsBoolean();
    }
  }

  /**
   * Launches a step; see {@link TrainingStep#launch}.
   *
   * @param inputs the action among them is run before anything is changed, even if what would
   *     change is not finite
   * @return nothing if it was given up
   */
  Optional<StepInFlight> launch(StepParts parts, Inputs inputs);

  /** Says whether a step was launched that nobody has waited for. */
  boolean inFlight();

  /** Says whether another step may be launched before the one in flight is waited for. */
  boolean ahead();

  /** Forgets what is known of components and parameters: they are others now. */
  void changed();

  @Override
  void close();
}
