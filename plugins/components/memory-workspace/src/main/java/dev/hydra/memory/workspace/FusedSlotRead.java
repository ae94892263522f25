package dev.hydra.memory.workspace;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What single tokens read, by one CUDA kernel, which multiplies their queries with the maps of keys
 * instead of the slots: decoding. Its twin is in {@link SlotReader}.
 */
final class FusedSlotRead {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedSlotRead.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "slot_read.cu"));

  /** Threads of a block, as the program says. */
  private static final int THREADS = 256;

  private static final int VECTOR_BYTES = 16;
  private static final int FLOATS = VECTOR_BYTES / Float.BYTES;
  private static final int LEAST_HEAD = 8;
  private static final int MOST = 128;

  private FusedSlotRead() {}

  /**
   * Computes what a token of each text reads, where the kernel can: in bfloat16 or float32, with
   * slots and the norm's weights in float32, without gradient, on a CUDA device where kernels are
   * to be used. Else gives nothing.
   *
   * @param queries [texts, 1, dim]
   * @param slots [texts, 1, slots, dim]
   * @param norm the weights of the slots' norm [dim]
   * @param key the map from slots to keys [dim, dim]
   * @param address what is added to keys [slots, dim]
   * @return [texts, 1, dim]
   */
  static Optional<Tensor> compute(
      Tensor queries,
      Tensor slots,
      Tensor norm,
      double epsilon,
      Tensor key,
      Tensor address,
      int heads) {
    if (!takes(queries, slots, norm, key, address, heads)) {
      return Optional.empty();
    }
    ScalarType type = Tensors.type(queries);
    Map<String, Integer> macros =
        Map.of(
            "SLOTS",
            (int) slots.size(2),
            "HEADS",
            heads,
            "HEAD",
            (int) slots.size(3) / heads,
            "VECTOR",
            vector(queries),
            "ELEMENT_BF16",
            type == ScalarType.BFloat16 ? 1 : 0);
    return KERNELS
        .usable(queries, macros)
        .map(
            kernels -> launch(kernels, queries, slots, norm, (float) epsilon, key, address, heads));
  }

  private static boolean takes(
      Tensor queries, Tensor slots, Tensor norm, Tensor key, Tensor address, int heads) {
    ScalarType type = Tensors.type(queries);
    long dim = slots.size(3);
    long head = dim / heads;
    return queries.is_cuda()
        && !GradMode.is_enabled()
        && !CustomFunction.isInlined()
        && queries.size(1) == 1
        && slots.size(1) == 1
        && queries.size(0) > 0
        && queries.size(0) <= Grid.MOST_ROWS
        && (type == ScalarType.Float || type == ScalarType.BFloat16)
        && Tensors.type(key) == type
        && Tensors.type(address) == type
        && Tensors.type(slots) == ScalarType.Float
        && Tensors.type(norm) == ScalarType.Float
        && List.of(queries, slots, norm, key, address).stream().allMatch(Tensor::is_contiguous)
        && slots.size(2) <= MOST
        && head >= LEAST_HEAD
        && head <= MOST
        && Long.bitCount(head) == 1
        && dim / vector(queries) <= THREADS
        && VectorSize.of(type, dim, List.of(key)) == vector(queries)
        && VectorSize.of(ScalarType.Float, dim, List.of(slots)) == FLOATS;
  }

  /** The elements that a thread reads at once. */
  private static int vector(Tensor x) {
    return VECTOR_BYTES / (int) x.element_size();
  }

  private static Tensor launch(
      Kernels kernels,
      Tensor queries,
      Tensor slots,
      Tensor norm,
      float epsilon,
      Tensor key,
      Tensor address,
      int heads) {
    Tensor read = Tensors.empty(queries, Tensors.type(queries), Tensors.sizes(queries));
    kernels
        .get("slot_read")
        .launch(
            new Grid(heads, queries.size(0), 1, THREADS),
            queries,
            queries.stride(0),
            slots,
            norm,
            key,
            address,
            epsilon,
            read);
    return read;
  }
}
