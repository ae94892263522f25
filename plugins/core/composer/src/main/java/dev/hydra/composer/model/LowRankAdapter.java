package dev.hydra.composer.model;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * A low-rank addition to a frozen matrix (LoRA, arXiv 2106.09685, section 4.1): components compute
 * with {@code W + scale B A}, which the working copy of W holds, so that any component and any
 * kernel can be adapted. What backward leaves of the gradient of that sum becomes those of A and B
 * by the chain rule.
 *
 * @param base the matrix W [..., out, in], or a stack of matrices
 * @param a A [..., rank, in]
 * @param b B [..., out, rank], zero at first
 * @param scale alpha / rank
 */
record LowRankAdapter(Parameter base, Parameter a, Parameter b, double scale) {
  /** Returns {@code W + scale B A}, in the type of the matrices. */
  static Tensor merged(Tensor base, Tensor a, Tensor b, double scale) {
    return base.add(Tensors.mul(b.matmul(a), scale));
  }

  /** Lets components compute with what A and B are now. */
  void merge() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      base.working().copy_(merged(base.master(), a.master(), b.master(), scale));
    }
  }

  /** Takes the gradient that a backward has left of the sum, and adds to those of A and B. */
  void backward() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor left = base.working().grad();
      if (!left.defined()) { // it was not read
        return;
      }
      Tensor gradient = Tensors.mul(Tensors.cast(left, Tensors.type(a.master())), scale);
      add(a, b.master().transpose(-2, -1).matmul(gradient));
      add(b, gradient.matmul(a.master().transpose(-2, -1)));
      base.working().mutable_grad().reset();
    }
  }

  private static void add(Parameter to, Tensor gradient) {
    Tensor known = to.working().grad();
    if (known.defined()) {
      known.add_(gradient);
    } else {
      to.working().mutable_grad().put(gradient);
    }
  }
}
