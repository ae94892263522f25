package dev.hydra.memory.workspace;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.ColumnSums;
import dev.hydra.libtorch.nn.GradientSum;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Attention of the tokens of chunks over slots by one CUDA kernel each way. A block has all slots
 * of a head in sight, so that every gradient has one block to write it. Its twin is {@link
 * SlotAttention}.
 */
final class FusedSlotAttention extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedSlotAttention.class,
              "primitives.cu",
              "dependent_launch.cu",
              "tensor_cores.cu",
              "tiles.cu",
              "slot_attention.cu"),
          ColumnSums.SOURCE);

  private static final int THREADS = 128;
  private static final int TILE = 16;
  private static final int MOST = 128;
  private static final int VECTOR = 8;

  private static final int QUERIES = 0;
  private static final int KEYS = 1;
  private static final int ADDRESS = 2;
  private static final int VALUES = 3;

  private final Kernels kernels;
  private final int heads;
  private final Optional<GradientSum> shared;

  private FusedSlotAttention(Kernels kernels, int heads, Optional<GradientSum> shared) {
    this.kernels = kernels;
    this.heads = heads;
    this.shared = shared;
  }

  /**
   * Attends, where the kernels can: in bfloat16 on a CUDA device where kernels are to be used, with
   * chunk, slots and channels of a head that are multiples of 16 up to 128. Else gives nothing.
   *
   * @param queries [rows, tokens, dim], at most {@code chunk} tokens
   * @param keys [rows, slots, dim]
   * @param address added to the keys of every row [slots, dim]
   * @param values as keys; their gradient may be shared ({@link GradientSum})
   * @return [rows, tokens, dim]
   */
  static Optional<Tensor> compute(
      Tensor queries, Tensor keys, Tensor address, Tensor values, int heads, int chunk) {
    long slots = keys.size(1);
    long head = keys.size(2) / heads;
    if (!queries.is_cuda()
        || isInlined()
        || Tensors.type(queries) != ScalarType.BFloat16
        || Tensors.type(keys) != ScalarType.BFloat16
        || Tensors.type(address) != ScalarType.BFloat16
        || Tensors.type(values) != ScalarType.BFloat16
        || queries.numel() == 0
        || queries.size(1) > chunk
        || heads > Grid.MOST_ROWS
        || !inTiles(chunk)
        || !inTiles(slots)
        || !inTiles(head)) {
      return Optional.empty();
    }
    Map<String, Integer> macros =
        Map.of(
            "CHUNK",
            chunk,
            "SLOTS",
            (int) slots,
            "HEADS",
            heads,
            "HEAD",
            (int) head,
            "PARTIAL_BF16",
            1,
            "WEIGHT_BF16",
            1);
    return KERNELS
        .usable(queries, macros)
        .filter(found -> found.get("slot_attention_backward").fits())
        .map(found -> new FusedSlotAttention(found, heads, GradientSum.behind(values)))
        .map(fused -> fused.apply(queries, keys, address, values)[0]);
  }

  private static boolean inTiles(long size) {
    return size % TILE == 0 && size <= MOST;
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor queries = whole(inputs[QUERIES]);
    Tensor keys = whole(inputs[KEYS]);
    Tensor address = whole(inputs[ADDRESS]);
    Tensor values = whole(inputs[VALUES]);
    Tensor read = like(queries);
    kernels
        .get("slot_attention")
        .launch(grid(queries), queries, keys, address, values, read, (int) queries.size(1));
    context.save(queries, keys, address, values);
    return new Tensor[] {read};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor queries = context.saved(QUERIES);
    Tensor keys = context.saved(KEYS);
    Tensor values = context.saved(VALUES);
    Tensor ofQueries = like(queries);
    Tensor ofKeys = like(keys);
    GradientSum.Room room =
        GradientSum.room(shared, values, Tensors.type(values), Tensors.sizes(values));
    Tensor ofValues = room.adds() ? like(values) : room.tensor();
    kernels
        .get("slot_attention_backward")
        .launch(
            grid(queries),
            queries,
            keys,
            context.saved(ADDRESS),
            values,
            whole(gradients.of(0)),
            ofQueries,
            ofKeys,
            ofValues,
            (int) queries.size(1));
    gradients.give(QUERIES, ofQueries);
    gradients.give(KEYS, ofKeys);
    Tensor ofAddress = ColumnSums.of(kernels, ofKeys.flatten(1, 2), ScalarType.BFloat16);
    gradients.give(ADDRESS, ofAddress.view(keys.size(1), keys.size(2)));
    if (room.adds()) {
      room.tensor().add_(ofValues);
    }
    room.give(gradients, VALUES);
  }

  private Grid grid(Tensor queries) {
    return new Grid(queries.size(0), heads, 1, THREADS);
  }

  private static Tensor whole(Tensor tensor) {
    return VectorSize.fit(VECTOR, tensor.contiguous());
  }

  private static Tensor like(Tensor other) {
    return Tensors.empty(other, Tensors.type(other), Tensors.sizes(other));
  }
}
