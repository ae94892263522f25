package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What the selective scan runs on, with steps as they are projected.
 *
 * @param x [batch, time, inner]
 * @param dt steps before bias and softplus [batch, time, inner]
 * @param a decay rates, below 0 [inner, state], float32 or float64
 * @param b [batch, time, state]
 * @param c [batch, time, state]
 * @param bias what is added to dt [inner], in the type of a
 * @param skip how much of x is added to y [inner], in the type of a
 * @param documents int64 [batch, time], see {@link dev.hydra.api.Pass#documents}
 * @param initial the state before the first token [batch, inner, state], in the type of a; zeros if
 *     empty
 */
record SelectiveInput(
    Tensor x,
    Tensor dt,
    Tensor a,
    Tensor b,
    Tensor c,
    Tensor bias,
    Tensor skip,
    Optional<Tensor> documents,
    Optional<Tensor> initial) {
  /** The same with the steps computed, in at least float32. */
  ScanInput scan() {
    Tensor steps = torch.softplus(Tensors.upcast(dt).add(bias));
    return new ScanInput(x, steps, a, b, c, documents, initial);
  }

  /** y and what of x skips the recurrence. */
  Tensor skipping(Tensor y) {
    return y.addcmul(x, Tensors.cast(skip, Tensors.type(x)));
  }
}
