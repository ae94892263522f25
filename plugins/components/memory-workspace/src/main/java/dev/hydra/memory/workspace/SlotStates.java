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
   * @param first bool [batch, chunks]: which chunks begin from the slots before the first, whatever
   *     was written since
   * @return before the first chunk and after each [batch, chunks + 1, slots, dim]
   */
  static Tensor of(SlotWriter.Writes writes, Tensor before, Optional<Tensor> first) {
    return FusedSlotStates.of(writes, before)
        .map(fused -> fused.compute(writes, before, first))
        .orElseGet(() -> plain(writes, before, first));
  }

  /** Computes by LibTorch's operators. */
  static Tensor plain(SlotWriter.Writes writes, Tensor before, Optional<Tensor> first) {
    Tensor gate = writes.gate().unsqueeze(-1);
    Tensor keep = Tensors.add(gate.neg(), 1);
    Tensor update = gate.mul(writes.content());
    if (first.isPresent()) {
      Tensor anew = first.get().unsqueeze(-1).unsqueeze(-1);
      update = torch.where(anew, update.add(keep.mul(before.unsqueeze(1))), update);
      keep = Tensors.maskedFill(keep, anew, 0);
    }
    return Recurrence.states(keep, update, before);
  }
}
