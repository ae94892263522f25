package dev.hydra.ffn.moe;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** The activation of the experts (Shazeer 2020, arXiv 2002.05202). */
final class SwiGlu {
  private SwiGlu() {}

  /** {@code silu(gate) * up} of [rows, 2 hidden], the gate first. */
  static Tensor activate(Tensor gateUp) {
    TensorVector halves = gateUp.chunk(2, -1);
    return torch.silu(halves.get(0)).mul(halves.get(1));
  }
}
