package dev.hydra.bench;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** A forward, with its backward to all leaves or alone. */
abstract class PassTrial implements Trial {
  private final int times;
  private final boolean forwardAlone;

  /**
   * Creates it.
   *
   * @param times how often a run makes the pass before it waits for the device, which is kept busy
   *     so: the host goes ahead of it, as it does in a model
   * @param forwardAlone whether there is no backward
   */
  PassTrial(int times, boolean forwardAlone) {
    this.times = times;
    this.forwardAlone = forwardAlone;
  }

  /** Computes the output. */
  abstract Tensor forward();

  /** Returns the gradient that arrives at the output. */
  abstract Tensor gradient();

  /** Returns what gets a gradient, at least one tensor. */
  abstract List<Tensor> leaves();

  @Override
  public int times() {
    return times;
  }

  @Override
  public void run() {
    for (int i = 0; i < times; i++) {
      boolean last = i == times - 1;
      Scopes.run(
          () -> {
            if (forwardAlone) {
              await(alone(), last);
            } else {
              Backward.run(forward(), gradient());
              await(leaves().get(0).grad(), last);
              // A gradient that is kept would be added to, and that of a table would grow.
              leaves().forEach(leaf -> leaf.mutable_grad().reset());
            }
          });
    }
  }

  private Tensor alone() {
    try (Grad off = Grad.off()) {
      return forward();
    }
  }

  private static void await(Tensor computed, boolean last) {
    if (last) {
      Tensors.number(computed.reshape(-1).narrow(0, 0, 1).sum());
    }
  }
}
