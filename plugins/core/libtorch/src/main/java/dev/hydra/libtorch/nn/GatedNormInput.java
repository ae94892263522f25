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
  /** Computes it by LibTorch's operators. */
  Tensor plain() {
    Tensor gate = torch.silu(z);
    return normFirst ? norm.plainNorm(norm.x()).mul(gate) : norm.plainNorm(norm.x().mul(gate));
  }
}
