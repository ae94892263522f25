package dev.hydra.libtorch.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What a gated norm is computed of.
 *
 * @param norm the norm and x, in whose type the result is
 * @param z of the shape of x; x is gated by its silu
 * @param normFirst whether the norm stands before the gate
 */
record GatedNormInput(NormInput norm, Tensor z, boolean normFirst) {
  /** Computes it by LibTorch's operators, and the norm of a token of each text on the host. */
  Tensor plain() {
    Tensor gate = torch.silu(z);
    return normFirst ? normed(norm.x()).mul(gate) : normed(norm.x().mul(gate));
  }

  private Tensor normed(Tensor x) {
    return HostNorm.of(norm.of(x))
        .map(host -> host.compute()[1])
        .orElseGet(() -> norm.plainNorm(x));
  }
}
