package dev.hydra.memory.workspace;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * One more token of each of several texts by CUDA kernels, which change what is kept of the texts
 * in place: one takes the token among those of its chunk, one writes to the slots. The device
 * decides by the positions of the texts where a chunk is complete, so that a captured step computes
 * only what counts. Its twin is in {@link Workspace}.
 *
 * @param kernels its kernels
 * @param shape what they are compiled for
 */
record FusedSlotStep(Kernels kernels, SlotShape shape) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedSlotStep.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "slot_pending.cu"),
          FusedSlotWrites.program("slot_writes.cu"));

  /** Threads of a block, as the programs say. */
  private static final int THREADS = FusedSlotWrites.THREADS;

  /**
   * Chooses: gives the fused path for what {@link FusedSlotWrites} can compute, with the slots in
   * float32, where kernels are to be used.
   *
   * @param x the tokens [texts, 1, width]
   * @param pending those of the chunks that are not complete [texts, chunk, width]
   * @param slots [texts, slots, dim]
   * @param gate the weights of the gates
   */
  static Optional<FusedSlotStep> of(
      Tensor x, Tensor pending, Tensor slots, Tensor gate, SlotShape shape) {
    if (!FusedSlotWrites.takes(x, gate, shape)
        || Tensors.type(pending) != Tensors.type(x)
        || Tensors.type(slots) != ScalarType.Float
        || !pending.is_contiguous()
        || !slots.is_contiguous()
        || x.stride(2) != 1
        || x.size(0) > Grid.MOST_ROWS) {
      return Optional.empty();
    }
    Map<String, Integer> macros = new TreeMap<>(FusedSlotWrites.macros(x, shape));
    macros.put("DECODING", 1);
    return KERNELS
        .usable(x, macros)
        .filter(found -> found.get("slot_writes").fits())
        .map(found -> new FusedSlotStep(found, shape));
  }

  /**
   * Takes the newest tokens among those of their chunks.
   *
   * @param positions int64 [texts]: the tokens of each before the newest
   */
  void take(Tensor x, Tensor positions, Tensor pending) {
    long width = x.size(2);
    kernels
        .get("slot_pending")
        .launch(
            new Grid((width + THREADS - 1) / THREADS, x.size(0), 1, THREADS),
            x,
            x.stride(0),
            positions,
            pending,
            (int) width);
  }

  /**
   * Writes to the slots of those texts whose chunks are complete with the newest token.
   *
   * @param keys [texts, chunk, heads * slots]
   * @param values [texts, chunk, dim]
   * @param weight float32 [slots, dim]
   * @param bias float32 [slots]
   */
  void write(
      Tensor keys, Tensor values, Tensor weight, Tensor bias, Tensor positions, Tensor slots) {
    int vector = FusedSlotWrites.vector(keys);
    Tensor fitKeys = VectorSize.fit(vector, keys);
    Tensor fitValues = VectorSize.fit(vector, values);
    long texts = keys.size(0);
    kernels
        .get("slot_writes")
        .launch(
            new Grid(1, texts, 1, THREADS),
            Kernel.strided(fitKeys),
            Kernel.strided(fitValues),
            VectorSize.fit(FusedSlotWrites.FLOATS, weight.contiguous()),
            bias.contiguous(),
            Tensors.empty(keys, ScalarType.Float, texts, shape.slots(), shape.dim()),
            Tensors.empty(keys, ScalarType.Float, texts, shape.slots()),
            positions,
            slots);
  }
}
