package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Activations of a gate that scales what goes through it (Shazeer 2020, arXiv 2002.05202): {@code
 * f(gate) * up}, by CUDA kernels where they can be used.
 */
public enum GatedActivation {
  /** {@code x sigmoid(x)}: SwiGLU. */
  SILU,
  /** {@code x} times the normal distribution up to x, exactly: GEGLU. */
  GELU;

  /**
   * Computes {@code f(gate) * up}.
   *
   * @param gate [..., hidden]
   * @param up of the same shape
   */
  public LinearInput apply(Tensor gate, Tensor up) {
    return apply(gate, up, 1);
  }

  /** Computes {@code f(multiplier * gate) * up}. */
  public LinearInput apply(Tensor gate, Tensor up, double multiplier) {
    return FusedGate.of(this, gate, up, multiplier)
        .map(fused -> LinearInput.of(fused, gate, up))
        .orElseGet(() -> LinearInput.of(plain(gate, up, multiplier)));
  }

  /**
   * Computes {@code f(multiplier * gate(x)) * up(x)}. A few rows in bfloat16 on CUDA, without
   * gradient, go through one kernel.
   *
   * @param x [..., in]
   * @return [..., hidden]
   */
  public LinearInput ofMaps(Tensor x, Linear gate, Linear up, double multiplier) {
    return FewGatedRows.of(this, x, gate, up)
        .map(few -> LinearInput.of(few.compute(x, gate, up, multiplier)))
        .orElseGet(
            () -> {
              Tensor[] both = Linear.applyAll(x, gate, up);
              return apply(both[0], both[1], multiplier);
            });
  }

  /**
   * Computes {@code f(gate) * up} of both in one tensor.
   *
   * @param gateUp [..., 2 hidden], the gate first
   * @return [..., hidden]
   */
  public LinearInput ofHalves(Tensor gateUp) {
    return FusedGate.of(this, gateUp)
        .map(fused -> LinearInput.of(fused, gateUp))
        .orElseGet(() -> LinearInput.of(plainOfHalves(gateUp)));
  }

  /** The value of the macro ACTIVATION. */
  int macro() {
    return this == SILU ? 0 : 1;
  }

  /** Computes {@link #apply} by LibTorch's operators. */
  Tensor plain(Tensor gate, Tensor up, double multiplier) {
    Tensor scaled = Tensors.scaled(gate, multiplier);
    return (this == SILU ? torch.silu(scaled) : torch.gelu(scaled)).mul(up);
  }

  /** Computes {@link #ofHalves} by LibTorch's operators. */
  Tensor plainOfHalves(Tensor gateUp) {
    TensorVector halves = gateUp.chunk(2, -1);
    return plain(halves.get(0), halves.get(1), 1);
  }
}
