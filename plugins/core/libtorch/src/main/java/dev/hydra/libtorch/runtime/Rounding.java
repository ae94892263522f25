package dev.hydra.libtorch.runtime;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Weights rounded to integers with one scale for each group of neighbours in a row: {@code w = s
 * q}. The scale is a bfloat16, as LibTorch's products want it.
 *
 * @param numbers int8 [..., in]
 * @param scales bfloat16 [..., in / group]
 */
record Rounding(Tensor numbers, Tensor scales) {
  /** So many numbers stay in a core's cache while they are rounded. */
  private static final long AT_A_TIME = 1 << 17;

  /** A float has so many significant bits. */
  private static final int FLOAT_BITS = 24;

  /**
   * The integers there are. Where there is one more on the side of the least, the largest weight of
   * a group becomes that, whatever its sign: the scale has the sign that makes it so.
   *
   * @param scaleBits the significant bits of a scale, 8 at most, those of bfloat16
   */
  record Integers(int least, int most, int scaleBits) {
    boolean areSymmetric() {
      return least == -most;
    }
  }

  /**
   * Rounds weights in place: afterwards they are {@code s q} as bfloat16, which is exact where the
   * bits of scales and integers are no more than 8 together. Those that were rounded before stay as
   * they are.
   *
   * @param weights bfloat16 [..., in]
   * @param group how many share a scale, a divisor of {@code in}
   */
  static Rounding of(Tensor weights, long group, Integers integers) {
    Tensor rows = weights.detach().view(-1, group);
    long count = rows.size(0);
    Tensor numbers = Tensors.zeros(rows, ScalarType.Char, count, group);
    Tensor scales = Tensors.zeros(rows, ScalarType.BFloat16, count);
    long step = Math.max(1, AT_A_TIME / group);
    for (long from = 0; from < count; from += step) {
      long some = Math.min(step, count - from);
      try (PointerScope scope = new PointerScope()) {
        Tensor part = rows.narrow(0, from, some);
        Tensor exact = Tensors.upcast(part);
        Tensor scale = scale(exact, integers);
        Tensor nearest = nearest(exact, scale, integers);
        numbers.narrow(0, from, some).copy_(nearest);
        scales.narrow(0, from, some).copy_(scale.squeeze(1));
        part.copy_(nearest.mul(scale));
      }
    }
    long[] sizes = Tensors.sizes(weights);
    long[] groups = sizes.clone();
    groups[groups.length - 1] /= group;
    return new Rounding(numbers.view(sizes), scales.view(groups));
  }

  /**
   * The number of few bits by which the largest weight of a group is nearest to the largest
   * integer: [groups, 1]; 1 for a group of zeros. A group that was rounded before has the scale
   * that it was rounded by. With 8 the largest weight, then 8 times the scale, tells it exactly.
   * With 127, 127 times the scale, as bfloat16, divided by 127 lies nearest to it; only at 1.5
   * times a power of two it would not, and that no bfloat16 divided by 127 comes to.
   */
  private static Tensor scale(Tensor exact, Integers integers) {
    Tensor largest = integers.areSymmetric() ? most(exact.abs()).neg() : largest(exact);
    Tensor scale = shortened(Tensors.mul(largest, 1.0 / integers.least), integers.scaleBits);
    Tensor wide = scale.to(ScalarType.BFloat16).to(ScalarType.Float);
    try (Scalar zero = new Scalar(0.0);
        Scalar any = new Scalar(1.0)) {
      return wide.masked_fill(wide.eq(zero), any);
    }
  }

  /** Rounds float32 to so many significant bits (Veltkamp 1968; Dekker 1971). */
  private static Tensor shortened(Tensor exact, int bits) {
    Tensor high = Tensors.mul(exact, (1 << (FLOAT_BITS - bits)) + 1.0);
    return high.sub(high.sub(exact));
  }

  /** The number of largest magnitude of each group, with its sign. */
  private static Tensor largest(Tensor exact) {
    Tensor most = most(exact);
    Tensor least = exact.amin(new long[] {1}, true);
    return most.where(most.gt(least.neg()), least);
  }

  private static Tensor most(Tensor exact) {
    return exact.amax(new long[] {1}, true);
  }

  private static Tensor nearest(Tensor exact, Tensor scale, Integers integers) {
    try (Scalar least = new Scalar((double) integers.least);
        Scalar most = new Scalar((double) integers.most);
        ScalarOptional from = new ScalarOptional(least);
        ScalarOptional to = new ScalarOptional(most)) {
      return exact.div(scale).round().clamp(from, to);
    }
  }
}
