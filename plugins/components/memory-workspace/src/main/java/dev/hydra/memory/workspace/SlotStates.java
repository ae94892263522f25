package dev.hydra.memory.workspace;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** The slots after each chunk: equation (4) of {@link Workspace}. */
final class SlotStates {
  private SlotStates() {}

  /**
   * Computes, by CUDA kernels where they can be used.
   *
   * @param before the slots before the first chunk [batch, slots, dim]
   * @param reset bool [batch, chunks]: after which chunks the slots are those before the first
   *     again, whatever was written
   * @return before the first chunk and after each [batch, chunks + 1, slots, dim]
   */
  static Tensor of(SlotWriter.Writes writes, Tensor before, Optional<Tensor> reset) {
    return FusedSlotStates.of(writes, before)
        .map(fused -> fused.compute(writes, before, reset))
        .orElseGet(() -> plain(writes, before, reset));
  }

  /** Computes by LibTorch's operators. */
  static Tensor plain(SlotWriter.Writes writes, Tensor before, Optional<Tensor> reset) {
    Tensor gate = writes.gate().unsqueeze(-1);
    Tensor keep = Tensors.add(gate.neg(), 1);
    Tensor update = gate.mul(writes.content());
    if (reset.isPresent()) {
      Tensor anew = reset.get().unsqueeze(-1).unsqueeze(-1);
      keep = Tensors.maskedFill(keep, anew, 0);
      update = torch.where(anew, before.unsqueeze(1), update);
    }
    return Recurrence.states(keep, update, before);
  }
}
