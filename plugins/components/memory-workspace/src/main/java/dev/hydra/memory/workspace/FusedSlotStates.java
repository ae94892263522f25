package dev.hydra.memory.workspace;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The slots after each chunk by one CUDA kernel, in which every element of a slot walks over the
 * chunks, and one for backward. Its twin is {@link SlotStates#plain}.
 */
final class FusedSlotStates extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedSlotStates.class, "primitives.cu", "dependent_launch.cu", "slot_states.cu"));

  private static final int WARP = 32;
  private static final int THREADS = 128;
  private static final int CONTENT = 0;
  private static final int GATE = 1;
  private static final int BEFORE = 2;
  private static final int FIRST = 3;

  private final Kernels kernels;
  private final boolean packed;

  private FusedSlotStates(Kernels kernels, boolean packed) {
    this.kernels = kernels;
    this.packed = packed;
  }

  /** What has been found to be possible. */
  record Choice(Kernels kernels) {
    /** Computes {@link SlotStates#of}. */
    Tensor compute(SlotWriter.Writes writes, Tensor before, Optional<Tensor> first) {
      List<Tensor> inputs = new ArrayList<>(List.of(writes.content(), writes.gate(), before));
      first.ifPresent(inputs::add);
      return new FusedSlotStates(kernels, first.isPresent())
          .apply(inputs.toArray(Tensor[]::new))[0];
    }
  }

  /**
   * Chooses: gives the fused path where all is float32 on a CUDA device, the size of a slot a
   * multiple of 32, and kernels are to be used there.
   */
  static Optional<Choice> of(SlotWriter.Writes writes, Tensor before) {
    Tensor content = writes.content();
    if (!content.is_cuda()
        || isInlined()
        || Tensors.type(content) != ScalarType.Float
        || Tensors.type(writes.gate()) != ScalarType.Float
        || Tensors.type(before) != ScalarType.Float
        || content.numel() == 0
        || content.size(3) % WARP != 0) {
      return Optional.empty();
    }
    return KERNELS.usable(content, Map.of("DIM", (int) content.size(3))).map(Choice::new);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor[] fit = new Tensor[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      fit[i] = inputs[i].contiguous();
    }
    Tensor content = fit[CONTENT];
    long batch = content.size(0);
    long chunks = content.size(1);
    long slots = content.size(2);
    Tensor states =
        Tensors.empty(content, ScalarType.Float, batch, chunks + 1, slots, content.size(3));
    kernels
        .get("slot_states")
        .launch(
            grid(fit[BEFORE]),
            content,
            fit[GATE],
            fit[BEFORE],
            packed ? fit[FIRST] : null,
            states,
            fit[BEFORE].numel(),
            (int) chunks,
            (int) slots);
    context.save(fit);
    context.save(states);
    return new Tensor[] {states};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor content = context.saved(CONTENT);
    Tensor gate = context.saved(GATE);
    @Nullable Tensor first = packed ? context.saved(FIRST) : null;
    Tensor states = context.saved(packed ? FIRST + 1 : FIRST);
    Tensor ofContent = torch.empty_like(content);
    Tensor before = context.saved(BEFORE);
    Tensor ofBefore = torch.empty_like(before);
    long dim = content.size(3);
    Tensor products =
        Tensors.empty(
            content,
            ScalarType.Float,
            content.size(0),
            content.size(1),
            content.size(2),
            dim / WARP);
    kernels
        .get("slot_states_backward")
        .launch(
            grid(before),
            gradients.of(0).contiguous(),
            states,
            content,
            gate,
            before,
            first,
            ofContent,
            products,
            ofBefore,
            before.numel(),
            (int) content.size(1),
            (int) content.size(2));
    gradients.give(CONTENT, ofContent);
    gradients.give(GATE, products.sum(-1));
    gradients.give(BEFORE, ofBefore);
  }

  private static Grid grid(Tensor before) {
    return Grid.of((before.numel() + THREADS - 1) / THREADS, THREADS);
  }
}
