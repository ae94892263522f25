package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ParameterStore;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What the forwards of a step add up besides gradients, in tensors that stay the same. */
final class StepSums implements AutoCloseable {
  private final Tensor losses;
  private final Map<String, Tensor> adjustments = new LinkedHashMap<>();

  /** Creates sums of zero on the device of a tensor. */
  StepSums(Tensor like) {
    try (PointerScope scope = new PointerScope()) {
      losses = Scopes.own(Tensors.zeros(like, ScalarType.Float, 2));
    }
  }

  /** The mean loss and the mean of auxiliary losses, float32 [2]. */
  Tensor losses() {
    return losses;
  }

  /** Zeroes all, before the first forward of a step. */
  void clear() {
    Scopes.run(
        () -> {
          losses.zero_();
          adjustments.values().forEach(Tensor::zero_);
        });
  }

  /** Adds a share of what a forward has left. */
  void add(Tensor loss, Tensor auxiliary, ForwardContext forward, double share) {
    Tensor both = Tensors.stack(0, loss.detach(), auxiliary.detach());
    losses.add_(Tensors.mul(both, share).to(ScalarType.Float));
    forward
        .adjustments()
        .forEach((name, delta) -> sum(name, delta).add_(Tensors.mul(delta, share)));
  }

  private Tensor sum(String name, Tensor like) {
    return adjustments.computeIfAbsent(name, fresh -> Scopes.own(torch.zeros_like(like)));
  }

  /** Makes the adjustments of the step. */
  void adjust(ParameterStore store) {
    adjustments.forEach(store::adjust);
  }

  /**
   * Makes the adjustments of the step, or none, as a flag on the device says: bool, no dimensions.
   */
  void adjustUnless(Tensor skip, ParameterStore store) {
    adjustments.forEach(
        (name, sum) -> Scopes.run(() -> store.adjust(name, Tensors.maskedFill(sum, skip, 0))));
  }

  /** Forgets which parameters are adjusted: components have changed. */
  void forget() {
    adjustments.values().forEach(Tensor::close);
    adjustments.clear();
  }

  @Override
  public void close() {
    forget();
    losses.close();
  }
}
