package dev.hydra.trainer.run;

import dev.hydra.composer.swap.SwapReport;
import dev.hydra.trainer.evaluation.Score;
import java.nio.file.Path;

/** Hears what happens in a run, on the training thread. */
public interface TrainingListener {
  /** A step is done. */
  void stepped(StepReport report);

  /** The held-out text was scored after a step. */
  void evaluated(long step, Score score);

  /** A checkpoint is written. */
  void checkpointed(long step, Path folder);

  /** Something went wrong that training survives. */
  void warned(String message);

  /**
   * A swap of components was prepared, made, refused or undone; also on threads that ask for such.
   */
  default void swapped(SwapReport report) {}
}
