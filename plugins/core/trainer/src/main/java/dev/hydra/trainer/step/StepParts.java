package dev.hydra.trainer.step;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Recompute;
import dev.hydra.optim.GradientClip;
import dev.hydra.optim.Optimizer;

/**
 * What a step works with until the parameters of the model change.
 *
 * @param recompute which blocks are computed again in backward
 * @param gradients the gradients of its trainable parameters
 * @param clip their clip
 * @param optimizer what changes these parameters
 * @param sums what else forwards leave
 */
record StepParts(
    Model model,
    Recompute recompute,
    Gradients gradients,
    GradientClip clip,
    Optimizer optimizer,
    StepSums sums) {
  /** Zeroes gradients and sums, before the first forward of a step. */
  void clear() {
    gradients.clear();
    sums.clear();
  }
}
