package dev.hydra.trainer.run;

import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.step.StepMetrics;

/** Says that training cannot go on. The message is for users. */
public final class TrainingException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final long step;

  /**
   * Creates the exception with a message for users.
   *
   * @param step the last step that was taken
   */
  TrainingException(String message, long step) {
    super(message);
    this.step = step;
  }

  /** Returns the last step that was taken; 0 if the training has learned nothing. */
  public long step() {
    return step;
  }

  /**
   * Returns the exception for a step that is not finite.
   *
   * @param newest says which checkpoint is the newest
   */
  static TrainingException notFinite(long step, StepMetrics measured, String newest) {
    return new TrainingException(
        "step "
            + step
            + " is not finite (loss "
            + measured.loss()
            + ", gradient norm "
            + measured.gradientNorm()
            + "); the parameters were not changed by it, and "
            + newest
            + ". Try a lower optimizer.learning-rate, more optimizer.warmup-steps or"
            + " trainer.precision = fp32",
        step - 1);
  }

  /**
   * Returns the exception for a training that has no memory left.
   *
   * @param step the last step that was taken
   * @param memory what a step needs
   * @param newest says which checkpoint is the newest
   */
  static TrainingException outOfMemory(
      long step, StepMemory memory, OutOfMemory refused, String newest) {
    return new TrainingException(
        "after step " + step + ": " + memory.refusal(refused) + "\n" + newest, step);
  }
}
