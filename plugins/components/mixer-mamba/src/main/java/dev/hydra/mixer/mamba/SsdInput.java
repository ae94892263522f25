package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What the SSD of Mamba-2 runs on, with steps as they are projected.
 *
 * @param x [batch, time, heads, headDim]
 * @param dt steps before bias and softplus [batch, time, heads]
 * @param decayLog logarithms of decay rates [heads], float32 or float64, see {@link #a}
 * @param b [batch, time, groups, state]
 * @param c [batch, time, groups, state]
 * @param bias what is added to dt [heads], in the type of decayLog
 * @param skip how much of x is added to y [heads], in the type of decayLog
 * @param limits what the steps are kept within
 * @param documents int64 [batch, time], see {@link dev.hydra.api.Pass#documents}
 * @param initial the state before the first token [batch, heads, headDim, state], in the type of
 *     decayLog, for a step in a smaller one, too; zeros if empty
 */
record SsdInput(
    Tensor x,
    Tensor dt,
    Tensor decayLog,
    Tensor b,
    Tensor c,
    Tensor bias,
    Tensor skip,
    Limits limits,
    Optional<Tensor> documents,
    Optional<Tensor> initial) {
  /**
   * What steps are kept within.
   *
   * @param low the smallest step, at least 0
   * @param high the largest; none if empty
   */
  record Limits(double low, Optional<Double> high) {}

  /** The same with the steps computed, in at least float32. */
  ScanInput scan() {
    return new ScanInput(x, steps(), a(), b, c, documents, initial.map(Tensors::upcast));
  }

  /** The decay rates, below 0 [heads]. */
  Tensor a() {
    return decayLog.exp().neg();
  }

  private Tensor steps() {
    Tensor steps = torch.softplus(Tensors.upcast(dt).add(bias));
    if (limits.low == 0 && limits.high.isEmpty()) {
      return steps;
    }
    try (Scalar low = new Scalar(limits.low);
        Scalar high = new Scalar(limits.high.orElse(Double.POSITIVE_INFINITY))) {
      return steps.clamp(new ScalarOptional(low), new ScalarOptional(high));
    }
  }

  /** y and what of x skips the recurrence. */
  Tensor skipping(Tensor y) {
    return x.mul(Tensors.cast(skip, Tensors.type(x)).unsqueeze(-1)).add(y);
  }
}
