package dev.hydra.trainer.step;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Recompute;
import dev.hydra.optim.FusedUpdate;
import dev.hydra.optim.GradientClip;
import dev.hydra.optim.Optimizer;
import java.util.Optional;

/**
 * What a step works with until the parameters of the model change.
 *
 * @param recompute which blocks are computed again in backward
 * @param gradients the gradients of its trainable parameters
 * @param clip their clip
 * @param optimizer what changes these parameters
 * @param fused its way to do clip, step and working copies together, if it has one
 * @param sums what else forwards leave
 */
record StepParts(
    Model model,
    Recompute recompute,
    Gradients gradients,
    GradientClip clip,
    Optimizer optimizer,
    Optional<FusedUpdate> fused,
    StepSums sums)
    implements AutoCloseable {
  /** Zeroes gradients, but sparse ones, and sums, before the first forward of a step. */
  void clear() {
    gradients.clear();
    sums.clear();
  }

  /** Closes what works on gradients and optimizer states, but not these, nor the sums. */
  void release() {
    fused.ifPresent(FusedUpdate::close);
    clip.close();
    gradients.release();
    optimizer.release();
  }

  @Override
  public void close() {
    fused.ifPresent(FusedUpdate::close);
    clip.close();
    gradients.close();
    optimizer.close();
    sums.close();
  }
}
