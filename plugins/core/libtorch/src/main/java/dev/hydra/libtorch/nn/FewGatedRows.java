package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * The hidden units of a gated feed-forward for a few rows in bfloat16, where no gradient is
 * recorded, by a CUDA kernel that reads the weights of gate and up in one go: {@code
 * few_gated_rows.cu}. Its twin are {@link FewRows} and {@link FusedGate}, of which it gives the
 * bits.
 *
 * @param kernels its kernel
 * @param warps of a block
 */
record FewGatedRows(Kernels kernels, int warps) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FewGatedRows.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "tensor_cores.cu",
              "activations.cu",
              "gate_curve.cu",
              "few_rows_sums.cu",
              "few_gated_rows.cu"));

  /** Units of a block, as the program says. */
  private static final int UNITS = 8;

  /** Chooses: gives the kernel for maps of x [..., in], if it is to be used for them. */
  static Optional<FewGatedRows> of(GatedActivation activation, Tensor x, Linear gate, Linear up) {
    if (gate.weight().size(0) != up.weight().size(0)) {
      return Optional.empty();
    }
    return FewRows.warps(x, gate, up)
        .flatMap(
            warps ->
                KERNELS
                    .usable(x, Map.of("WARPS", warps, "ACTIVATION", activation.macro()))
                    .map(found -> new FewGatedRows(found, warps)));
  }

  /**
   * Computes, for what it was chosen for, {@code f(multiplier * gate(x)) * up(x)}.
   *
   * @return [..., hidden]
   */
  Tensor compute(Tensor x, Linear gate, Linear up, double multiplier) {
    Tensor rows = FewRows.rows(x);
    long hidden = gate.weight().size(0);
    Tensor result = FewRows.result(x, hidden);
    kernels
        .get("few_gated_rows")
        .launch(
            FewRows.grid((hidden + UNITS - 1) / UNITS, warps),
            rows,
            rows.stride(0),
            (int) rows.size(0),
            (int) rows.size(1),
            gate.weight(),
            gate.bias().orElse(null),
            up.weight(),
            up.bias().orElse(null),
            (float) multiplier,
            result,
            (int) hidden);
    return result;
  }
}
