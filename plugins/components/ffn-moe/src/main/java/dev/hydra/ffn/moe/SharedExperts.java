package dev.hydra.ffn.moe;

import dev.hydra.libtorch.nn.GatedActivation;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * The experts that every token uses, as one SwiGLU with all their hidden units side by side.
 *
 * @param gateUp [2 hidden, width], the gate first
 * @param down [width, hidden]
 */
record SharedExperts(Tensor gateUp, Tensor down) {
  /** From [rows, width] to [rows, width]. */
  Tensor forward(Tensor rows) {
    return GatedActivation.SILU.ofHalves(Tensors.linear(rows, gateUp)).linear(down);
  }
}
