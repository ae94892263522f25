package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/** The forward and backward of a step, of which there may be several. */
final class Accumulation {
  /** Dimensions of windows with labels beside the tokens. */
  private static final int LABELLED = 3;

  private final StepParts parts;
  private final double share;

  /** Prepares one of {@code forwards}, over which gradients and sums are averaged. */
  Accumulation(StepParts parts, int forwards) {
    this.parts = parts;
    this.share = 1.0 / forwards;
  }

  /**
   * Adds its share of gradients and sums. What is not in buffers is left in place, see {@link
   * Gradients#take}.
   *
   * @param windows int64 [batch, time + 1] on the model's device, or [2, batch, time + 1]: see
   *     {@link TrainingStep#run}
   */
  void run(Tensor windows) {
    try (ForwardContext forward = ForwardContext.training().recomputing(parts.recompute())) {
      Scopes.run(() -> add(windows, forward));
    }
  }

  private void add(Tensor windows, ForwardContext forward) {
    boolean labelled = windows.dim() == LABELLED;
    Tensor tokens = labelled ? windows.select(0, 0) : windows;
    Tensor labels = labelled ? windows.select(0, 1) : windows;
    Tensor loss = LanguageLoss.of(parts.model(), tokens, labels, forward);
    forward.finish();
    Tensor auxiliary = Tensors.zeros(loss);
    for (Tensor each : forward.losses().values()) {
      auxiliary = auxiliary.add(each);
    }
    Backward.run(Tensors.mul(loss.add(auxiliary), share));
    parts.gradients().collect();
    parts.sums().add(loss, auxiliary, forward, share);
  }
}
