package dev.hydra.mixer.attention;

import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** Whole-number arithmetic on int64 tensors of positions, on their device. */
final class Positions {
  private Positions() {}

  /**
   * The index of the first token of each token's document.
   *
   * @param documents int64 [batch, time], never falling along time
   * @return int64 [batch, time]
   */
  static Tensor documentStarts(Tensor documents) {
    long time = documents.size(1);
    Tensor before = Tensors.slice(documents, 1, 0, time - 1);
    Tensor changed = Tensors.slice(documents, 1, 1, time).ne(before);
    Tensor begins = Tensors.pad(Tensors.cast(changed, Tensors.type(documents)), 1, 1, 0);
    return begins.mul(Tensors.range(0, time, documents)).cummax(1).get0();
  }

  static Tensor plus(Tensor positions, long term) {
    try (Scalar scalar = new Scalar(term)) {
      return positions.add(scalar);
    }
  }

  /** Rounds towards minus infinity. */
  static Tensor over(Tensor positions, long divisor) {
    try (Scalar scalar = new Scalar(divisor)) {
      return positions.floor_divide(scalar);
    }
  }

  static Tensor atLeast(Tensor positions, long low) {
    try (Scalar scalar = new Scalar(low)) {
      return positions.clamp_min(scalar);
    }
  }

  static Tensor atMost(Tensor positions, long high) {
    try (Scalar scalar = new Scalar(high)) {
      return positions.clamp_max(scalar);
    }
  }

  /** True where {@code low <= position}. */
  static Tensor from(Tensor positions, long low) {
    try (Scalar scalar = new Scalar(low)) {
      return positions.ge(scalar);
    }
  }

  /** True where {@code position < high}. */
  static Tensor below(Tensor positions, long high) {
    try (Scalar scalar = new Scalar(high)) {
      return positions.lt(scalar);
    }
  }
}
