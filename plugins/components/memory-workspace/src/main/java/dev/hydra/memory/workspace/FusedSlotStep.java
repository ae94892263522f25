package dev.hydra.memory.workspace;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * One more token of each of several texts by a CUDA kernel, which changes what is kept of the texts
 * in place: it takes the token among those of its chunk, and writes to the slots where that is
 * complete. The device decides that by the positions of the texts, so that a captured step computes
 * only what counts. Its twin is in {@link Workspace}.
 *
 * @param kernels its kernel
 * @param shape what they are compiled for
 */
record FusedSlotStep(Kernels kernels, SlotShape shape) {
  private static final KernelSet KERNELS = KernelSet.of(FusedSlotWrites.program("slot_writes.cu"));

  /**
   * Chooses: gives the fused path for what {@link FusedSlotWrites} can compute, with the slots in
   * float32, where kernels are to be used.
   *
   * @param pending the tokens of the chunks that are not complete [texts, chunk, heads * slots +
   *     dim]
   * @param slots [texts, slots, dim]
   * @param gate the weights of the gates
   */
  static Optional<FusedSlotStep> of(
      SlotWriter.Tokens newest, Tensor pending, Tensor slots, Tensor gate, SlotShape shape) {
    if (!FusedSlotWrites.takes(newest.keys(), gate, shape)
        || Tensors.type(pending) != Tensors.type(newest.keys())
        || Tensors.type(slots) != ScalarType.Float
        || VectorSize.of(Tensors.type(pending), pending.size(2), List.of(pending))
            < FusedSlotWrites.vector(pending)
        || !pending.is_contiguous()
        || !slots.is_contiguous()
        || slots.size(0) > Grid.MOST_ROWS) {
      return Optional.empty();
    }
    Map<String, Integer> macros = new TreeMap<>(FusedSlotWrites.macros(pending, shape));
    macros.put("DECODING", 1);
    return KERNELS
        .usable(pending, macros)
        .filter(found -> found.get("slot_writes").fits())
        .map(found -> new FusedSlotStep(found, shape));
  }

  /**
   * Takes the newest token of each text in, and writes to the slots where a chunk is complete.
   *
   * @param weight float32 [slots, dim]
   * @param bias float32 [slots]
   * @param positions int64 [texts]: the tokens of each before the newest
   */
  void run(
      SlotWriter.Tokens newest,
      Tensor weight,
      Tensor bias,
      Tensor positions,
      Tensor pending,
      Tensor slots) {
    SlotWriter.Tokens kept = SlotWriter.Tokens.of(pending, shape);
    long texts = slots.size(0);
    kernels
        .get("slot_writes")
        .launch(
            new Grid(1, texts, 1, FusedSlotWrites.THREADS),
            Kernel.strided(kept.keys()),
            Kernel.strided(kept.values()),
            VectorSize.fit(FusedSlotWrites.FLOATS, weight.contiguous()),
            bias.contiguous(),
            Tensors.empty(slots, ScalarType.Float, texts, shape.slots(), shape.dim()),
            Tensors.empty(slots, ScalarType.Float, texts, shape.slots()),
            positions,
            newest.keys().contiguous(),
            newest.values().contiguous(),
            slots);
  }
}
