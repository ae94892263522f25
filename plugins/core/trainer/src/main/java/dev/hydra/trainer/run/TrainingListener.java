package dev.hydra.trainer.run;

import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.trainer.evaluation.Score;
import java.nio.file.Path;

/** Hears what happens in a run, on the training thread. */
public interface TrainingListener {
  /**
   * The first step is about to be taken, after a resume too; not heard in a run that has no step
   * left to take. From now on components can be exchanged, from other threads.
   *
   * @param swapper what exchanges them until the last step; not to be closed
   */
  default void started(Swapper swapper) {}

  /** A step is done. */
  default void stepped(StepReport report) {}

  /** The held-out text was scored after a step. */
  default void evaluated(long step, Score score) {}

  /** A checkpoint is written. */
  default void checkpointed(long step, Path folder) {}

  /** Something went wrong that training survives. */
  default void warned(String message) {}

  /**
   * A swap of components was prepared, made, refused or undone; also on the thread that prepares
   * such.
   */
  default void swapped(SwapReport report) {}
}
