package dev.hydra.trainer.run;

import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.trainer.evaluation.Score;
import java.nio.file.Path;

/** Hears what happens in a run, on the training thread. */
public interface TrainingListener {
  /**
   * Hears that the first step is about to be taken, after a resume too; not heard in a run that has
   * no step left to take. From now on components can be swapped, from other threads.
   *
   * @param swapper what swaps them until the last step; not to be closed
   */
  default void started(Swapper swapper) {}

  /** Hears that a stage of the training has begun; also the first one, not in a resume. */
  default void stageBegan(StageReport report) {}

  /** Hears that a step is done; the next may have been launched. */
  default void stepped(StepReport report) {}

  /** Hears that some windows of a validation set have been scored, of those to be scored now. */
  default void evaluating(String set, int windows, int of) {}

  /** Hears that a validation set was scored after a step. */
  default void evaluated(long step, Score score) {}

  /** Hears that a checkpoint is written. */
  default void checkpointed(long step, Path folder) {}

  /** Hears that something went wrong that training survives. */
  default void warned(String message) {}

  /**
   * Hears that a swap of components was prepared, made, refused or rolled back; also on the thread
   * that prepares such.
   */
  default void swapped(SwapReport report) {}
}
