package dev.hydra.memory.workspace;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.ColumnSums;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What chunks write, by one CUDA kernel from the projections on, and one for backward, which keeps
 * these and computes the weights of tokens again: in bfloat16 by tensor cores where 16 divides
 * slots and heads. Its twin is in {@link SlotWriter}.
 */
final class FusedSlotWrites extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          program("slot_writes.cu"), program("slot_writes_backward.cu"), ColumnSums.SOURCE);

  private static final KernelSet TILES =
      KernelSet.of(
          tiles("slot_writes_tiles.cu"), tiles("slot_writes_tiles_backward.cu"), ColumnSums.SOURCE);

  /** Threads of a block, as the programs say. */
  static final int THREADS = 256;

  private static final int VECTOR_BYTES = 16;

  /** The numbers in float32 that a thread reads at once. */
  static final int FLOATS = VECTOR_BYTES / Float.BYTES;

  /** What tiles of the kernels are made of. */
  private static final int TOKENS = 32;

  private static final int SLOTS = 8;
  private static final int LEAST_HEAD = 8;
  private static final int MOST = 128;

  /** The sides of what tensor cores multiply, and how many warps a block has at most. */
  private static final int TILE = 16;

  private static final int MOST_WARPS = 16;
  private static final int WARP = 32;
  private static final int TILE_THREADS = 128;

  /** Blocks of a multiprocessor, each of which leaves sums of the gate's gradient. */
  private static final int BACKWARD_BLOCKS = 4;

  private static final int KEYS = 0;
  private static final int VALUES = 1;
  private static final int WEIGHT = 2;
  private static final int BIAS = 3;

  private final Kernels kernels;
  private final SlotShape shape;
  private final int vector;
  private final boolean tiles;
  private final long chunks;

  private FusedSlotWrites(Choice choice, long chunks) {
    kernels = choice.kernels;
    shape = choice.shape;
    vector = choice.vector;
    tiles = choice.tiles;
    this.chunks = chunks;
  }

  /** A program about a chunk in shared memory. */
  static KernelSource program(String file) {
    return KernelSource.of(
        FusedSlotWrites.class,
        "primitives.cu",
        "dependent_launch.cu",
        "vectors.cu",
        "slot_chunk.cu",
        file);
  }

  /** The same for tensor cores. */
  private static KernelSource tiles(String file) {
    return KernelSource.of(
        FusedSlotWrites.class,
        "primitives.cu",
        "dependent_launch.cu",
        "tensor_cores.cu",
        "tiles.cu",
        "slot_tiles.cu",
        file);
  }

  /**
   * What has been found to be possible.
   *
   * @param tiles whether the kernels are those for tensor cores
   */
  record Choice(Kernels kernels, SlotShape shape, int vector, boolean tiles) {
    /**
     * Computes what chunks write.
     *
     * @param keys [batch, at least chunks * chunk, heads * slots]
     * @param values [batch, as many, dim]
     * @param weight float32 [slots, dim]
     * @param bias float32 [slots]
     */
    SlotWriter.Writes compute(Tensor keys, Tensor values, Tensor weight, Tensor bias, long chunks) {
      Tensor[] found = new FusedSlotWrites(this, chunks).apply(keys, values, weight, bias);
      return new SlotWriter.Writes(found[1], found[0]);
    }
  }

  /**
   * Chooses: gives the fused path for tokens in bfloat16 or float32 on a CUDA device, with gates in
   * float32, sizes that the kernels can cut into tiles, and where kernels are to be used.
   *
   * @param x the tokens
   * @param gate the weights of the gates
   */
  static Optional<Choice> of(Tensor x, Tensor gate, SlotShape shape) {
    if (!takes(x, gate, shape)) {
      return Optional.empty();
    }
    Optional<Choice> byTiles =
        Tensors.type(x) == ScalarType.BFloat16 && inTiles(shape)
            ? choose(TILES, "slot_writes_tiles", x, shape)
            : Optional.empty();
    return byTiles.or(() -> choose(KERNELS, "slot_writes", x, shape));
  }

  private static Optional<Choice> choose(
      KernelSet programs, String name, Tensor x, SlotShape shape) {
    return programs
        .usable(x, macros(x, shape))
        .filter(found -> found.get(name).fits() && found.get(name + "_backward").fits())
        .map(found -> new Choice(found, shape, vector(x), programs == TILES));
  }

  /** Whether tensor cores can have it; a chunk of possible size is made of tiles anyway. */
  private static boolean inTiles(SlotShape shape) {
    return shape.slots() % TILE == 0 && shape.head() % TILE == 0;
  }

  /** Whether the kernels can compute what these tokens write. */
  static boolean takes(Tensor x, Tensor gate, SlotShape shape) {
    ScalarType type = Tensors.type(x);
    return x.is_cuda()
        && !isInlined()
        && x.numel() > 0
        && (type == ScalarType.Float || type == ScalarType.BFloat16)
        && Tensors.type(gate) == ScalarType.Float
        && possible(shape);
  }

  /** What the programs are compiled with. */
  static Map<String, Integer> macros(Tensor x, SlotShape shape) {
    return Map.of(
        "CHUNK", shape.chunk(),
        "SLOTS", shape.slots(),
        "HEADS", shape.heads(),
        "HEAD", shape.head(),
        "VECTOR", vector(x),
        "ELEMENT_BF16", Tensors.type(x) == ScalarType.BFloat16 ? 1 : 0);
  }

  /** The elements that a thread reads at once. */
  static int vector(Tensor x) {
    return VECTOR_BYTES / (int) x.element_size();
  }

  /** Whether the kernels can cut a chunk into tiles. */
  static boolean possible(SlotShape shape) {
    return shape.chunk() % TOKENS == 0
        && shape.chunk() <= MOST
        && shape.slots() % SLOTS == 0
        && shape.slots() <= MOST
        && shape.head() >= LEAST_HEAD
        && shape.head() <= MOST
        && Integer.bitCount(shape.head()) == 1;
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor keys = VectorSize.fit(vector, inputs[KEYS]);
    Tensor values = VectorSize.fit(vector, inputs[VALUES]);
    Tensor weight = VectorSize.fit(FLOATS, inputs[WEIGHT].contiguous());
    long batch = keys.size(0);
    Tensor content =
        Tensors.empty(keys, ScalarType.Float, batch, chunks, shape.slots(), shape.dim());
    Tensor gate = Tensors.empty(keys, ScalarType.Float, batch, chunks, shape.slots());
    Kernel.Strided stridedKeys = Kernel.strided(keys);
    Kernel.Strided stridedValues = Kernel.strided(values);
    Tensor bias = inputs[BIAS].contiguous();
    if (tiles) {
      int warps = Math.min(MOST_WARPS, shape.heads() * shape.slots() / TILE);
      kernels
          .get("slot_writes_tiles")
          .launch(
              new Grid(chunks, batch, 1, WARP * warps),
              stridedKeys,
              stridedValues,
              weight,
              bias,
              content,
              gate);
    } else {
      kernels
          .get("slot_writes")
          .launch(
              new Grid(chunks, batch, 1, THREADS),
              stridedKeys,
              stridedValues,
              weight,
              bias,
              content,
              gate,
              null,
              null,
              null,
              null);
    }
    context.save(keys, values, weight, gate);
    return new Tensor[] {content, gate};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor keys = context.saved(KEYS);
    Tensor values = context.saved(VALUES);
    Tensor weight = context.saved(WEIGHT);
    Tensor dContent = VectorSize.fit(FLOATS, gradients.of(0).contiguous());
    Tensor dGate = gradients.of(1).contiguous();
    Tensor dKeys = like(keys);
    Tensor dValues = like(values);
    long batch = keys.size(0);
    long blocks =
        Math.min(chunks * batch, (long) BACKWARD_BLOCKS * kernels.gpu().multiprocessors());
    long elements = (long) shape.slots() * shape.dim();
    Tensor partials = Tensors.empty(keys, ScalarType.Float, blocks, elements + shape.slots());
    kernels
        .get(tiles ? "slot_writes_tiles_backward" : "slot_writes_backward")
        .launch(
            tiles ? new Grid(blocks, shape.heads(), 1, TILE_THREADS) : Grid.of(blocks, THREADS),
            Kernel.strided(keys),
            Kernel.strided(values),
            weight,
            context.saved(BIAS),
            dContent,
            dGate,
            dKeys,
            dValues,
            partials,
            chunks,
            batch,
            keys.size(1));
    gradients.give(KEYS, dKeys);
    gradients.give(VALUES, dValues);
    Tensor sums = ColumnSums.of(kernels, partials, ScalarType.Float);
    gradients.give(WEIGHT, sums.narrow(0, 0, elements).view(shape.slots(), shape.dim()));
    gradients.give(BIAS, sums.narrow(0, elements, shape.slots()));
  }

  private static Tensor like(Tensor other) {
    return Tensors.empty(other, Tensors.type(other), Tensors.sizes(other));
  }
}
