package dev.hydra.libtorch.nn;

import org.bytedeco.pytorch.Tensor;

/** The loss of every row of logits, whose gradient takes their place. */
interface LogitsLoss {
  /**
   * Makes room for logits.
   *
   * @param rows [n, ...] of their type and device
   * @return [n, classes]
   */
  Tensor room(Tensor rows, long classes);

  /**
   * Computes the losses.
   *
   * @param logits [n, classes] in such a room
   * @param targets int64 [n], contiguous: classes, or {@link LinearCrossEntropy#IGNORED}
   * @param factor what the gradient of the sum of all losses is multiplied by, a scalar
   * @param gradient whether to put that in the place of the logits
   * @return at least float32 [n]; 0 where the target is ignored
   */
  Tensor compute(Tensor logits, Tensor targets, Tensor factor, boolean gradient);
}
