package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Collection;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/** The forward and backward of a step, of which there may be several. */
final class Accumulation {
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
   * @param packed the windows on the model's device, see {@link TokenWindows#of}
   */
  void run(Tensor packed) {
    Scopes.run(
        () -> {
          TokenWindows windows = TokenWindows.of(packed);
          try (ForwardContext forward =
              windows.in(ForwardContext.training().recomputing(parts.recompute()))) {
            add(windows, forward);
          }
        });
  }

  private void add(TokenWindows windows, ForwardContext forward) {
    Tensor gradient = Tensors.scalar(share, windows.inputs(), parts.model().placement().master());
    Tensor loss = LanguageLoss.of(parts.model(), windows, gradient, forward);
    forward.finish();
    Tensor auxiliary = sum(loss, forward.losses().values());
    Backward.run(loss.add(auxiliary), gradient);
    parts.model().parameters().adapters().backward();
    parts.gradients().collect();
    parts.sums().add(loss, auxiliary, forward, share);
  }

  /** Adds up all at once: one by one, each is a kernel for one number, and layers have many. */
  private static Tensor sum(Tensor like, Collection<Tensor> losses) {
    Stream<Tensor> all = Stream.concat(Stream.of(Tensors.zeros(like)), losses.stream());
    return Tensors.stack(0, all.toArray(Tensor[]::new)).sum();
  }
}
