package dev.hydra.tck;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Distances between tensors. */
final class Compare {
  /** For float64 results that differ in the order of summation only. */
  static final double EXACT = 1e-9;

  private Compare() {}

  /** The largest absolute difference; NaN if any. */
  static double distance(Tensor a, Tensor b) {
    return Tensors.number(a.sub(b).abs().max());
  }

  /** {@code |a - b| / |b|} in the Euclidean norm. */
  static double relative(Tensor a, Tensor b) {
    Tensor reference = b.to(ScalarType.Double);
    return Tensors.number(a.to(ScalarType.Double).sub(reference).norm().div(reference.norm()));
  }

  static void same(Tensor actual, Tensor expected, String what) {
    double distance = distance(actual, expected);
    ContractViolation.unless(distance <= EXACT, what + ": differs by " + distance);
  }
}
