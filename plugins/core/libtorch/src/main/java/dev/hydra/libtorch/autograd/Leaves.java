package dev.hydra.libtorch.autograd;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Gives leaves of a graph gradients that LibTorch's autograd has not brought to them. */
public final class Leaves {
  private Leaves() {}

  /**
   * Adds to the gradient of a leaf as autograd would: where it has none, this is its gradient from
   * now on.
   *
   * @param gradient in its shape and type
   */
  public static void add(Tensor leaf, Tensor gradient) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor known = leaf.grad();
      if (known.defined()) {
        known.add_(gradient);
      } else {
        leaf.mutable_grad().put(gradient);
      }
    }
  }
}
