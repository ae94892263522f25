package dev.hydra.libtorch.runtime;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rounds weights to int8, symmetrically, with one scale for each output row: {@code w = s q},
 * {@code q} in -127..127. The scale is a bfloat16, as LibTorch's product wants it.
 *
 * @param numbers int8 [..., in]
 * @param scales bfloat16 [...]
 */
record Int8Rounding(Tensor numbers, Tensor scales) {
  private static final double MOST = 127;

  /** The scale of a row of zeros: any will do. */
  private static final double LEAST_SCALE = 1e-30;

  /** From one bfloat16 at least to the next. */
  private static final double NEXT = 1 + 1.0 / 128;

  /** So many numbers stay in a core's cache while they are rounded. */
  private static final long AT_A_TIME = 1 << 17;

  /**
   * Rounds weights in place: afterwards they are {@code s q} as bfloat16. Those that were rounded
   * before stay as they are.
   *
   * @param weights bfloat16 [..., in]
   */
  static Int8Rounding of(Tensor weights) {
    long in = weights.size(-1);
    Tensor rows = weights.detach().view(-1, in);
    long count = rows.size(0);
    Tensor numbers = Tensors.zeros(rows, ScalarType.Char, count, in);
    Tensor scales = Tensors.zeros(rows, ScalarType.BFloat16, count);
    long step = Math.max(1, AT_A_TIME / in);
    for (long from = 0; from < count; from += step) {
      long some = Math.min(step, count - from);
      try (PointerScope scope = new PointerScope()) {
        Tensor part = rows.narrow(0, from, some);
        Tensor exact = Tensors.upcast(part);
        Tensor scale = scale(exact);
        Tensor nearest = nearest(exact, scale);
        numbers.narrow(0, from, some).copy_(nearest);
        scales.narrow(0, from, some).copy_(scale.squeeze(1));
        part.copy_(nearest.mul(scale));
      }
    }
    long[] sizes = Tensors.sizes(weights);
    return new Int8Rounding(
        numbers.view(sizes), scales.view(Arrays.copyOf(sizes, sizes.length - 1)));
  }

  /**
   * The scale by which the largest number of a row is 127: [rows, 1]. Of a row that was rounded
   * before, the scale that it was rounded by; taken from the rounded number that may come out as
   * the bfloat16 before.
   */
  private static Tensor scale(Tensor exact) {
    try (Scalar least = new Scalar(LEAST_SCALE)) {
      Tensor largest = exact.abs().amax(new long[] {1}, true);
      Tensor scale = asBfloat16(Tensors.mul(largest, 1 / MOST).clamp_min(least));
      Tensor next = asBfloat16(Tensors.mul(scale, NEXT));
      Tensor keeps = asBfloat16(nearest(exact, next).mul(next)).eq(exact).all(1, true);
      return torch.where(keeps, next, scale);
    }
  }

  private static Tensor nearest(Tensor exact, Tensor scale) {
    try (Scalar least = new Scalar(-MOST);
        Scalar most = new Scalar(MOST);
        ScalarOptional from = new ScalarOptional(least);
        ScalarOptional to = new ScalarOptional(most)) {
      return exact.div(scale).round().clamp(from, to);
    }
  }

  private static Tensor asBfloat16(Tensor exact) {
    return exact.to(ScalarType.BFloat16).to(ScalarType.Float);
  }
}
