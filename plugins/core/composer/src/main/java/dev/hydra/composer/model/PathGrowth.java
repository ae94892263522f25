package dev.hydra.composer.model;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * How much of a path counts while it grows in, besides its gate: a share from 0 to 1 in a tensor
 * that stays the same, so that a captured step reads what it is now. Of a path that has grown, or
 * never had to, there is none.
 */
final class PathGrowth implements AutoCloseable {
  private @Nullable Tensor share;

  /** Says whether the path grows. */
  boolean growing() {
    return share != null;
  }

  /**
   * Sets the share.
   *
   * @param like on the device and in the type of the residual stream
   */
  void set(double value, Tensor like) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      if (share == null) {
        share = Scopes.own(Tensors.zeros(like, 1));
      }
      share.fill_(new Scalar(value));
    }
  }

  /** Scales what a path adds, or the factor of it. */
  Tensor scaled(Tensor tensor) {
    return share == null ? tensor : tensor.mul(share);
  }

  /** Ends the growth: all of the path counts. */
  @Override
  public void close() {
    if (share != null) {
      share.close();
      share = null;
    }
  }
}
