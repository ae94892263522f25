package dev.hydra.tck;

import dev.hydra.libtorch.kernels.KernelMode;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How far what is computed in a type may be from the same in float64.
 *
 * @param bound of the norm of what is expected
 * @param negligible the share of all gradients together below which one is lost in their rounding
 * @param choices how many times as far as on the CPU it may be in any case: what a component
 *     chooses by rounded numbers, such as the rows of a table, differs where two are as good
 */
record Tolerance(double bound, double negligible, double choices) {
  /** What float32 and bfloat16 round to, relative to 1. */
  private static final double FLOAT32 = 0x1p-23;

  private static final double BFLOAT16 = 0x1p-8;

  /** Kernels multiply float32 on tensor cores as pairs of bfloat16. */
  private static final double PAIR = BFLOAT16 * BFLOAT16;

  private static final Tolerance IN_FLOAT32 = new Tolerance(800 * FLOAT32, 5e-4, 0);

  private static final Tolerance IN_FLOAT32_BY_KERNELS = new Tolerance(65 * PAIR, 5e-4, 0);

  /** The gradient of a single number, to which many add up, may be small. */
  private static final Tolerance IN_BFLOAT16 = new Tolerance(13 * BFLOAT16, 0.01, 2);

  /** What is allowed in float32 or bfloat16. */
  static Tolerance of(ScalarType type, KernelMode mode) {
    if (type == ScalarType.BFloat16) {
      return IN_BFLOAT16;
    }
    return mode == KernelMode.PLAIN ? IN_FLOAT32 : IN_FLOAT32_BY_KERNELS;
  }
}
