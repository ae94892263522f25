package dev.hydra.mixer.attention;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** Whole-number arithmetic on int64 tensors of positions, on their device. */
final class Positions {
  private Positions() {}

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

  /** The remainder from 0 to below the divisor. */
  static Tensor modulo(Tensor positions, long divisor) {
    try (Scalar scalar = new Scalar(divisor)) {
      return positions.remainder(scalar);
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
