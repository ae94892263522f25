package dev.hydra.mixer.attention;

import dev.hydra.api.StateCache;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.Rotation;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Launches the kernels of {@code decode_attention.cu}: the twin of what {@link DecodingAttention}
 * does by LibTorch's operators, with keys and values read where they lie, in parts of the text
 * (Flash-Decoding) that are joined in a fixed order.
 *
 * @param kernels they
 * @param pattern what tokens see
 * @param attention scale and bound of the scores
 */
record DecodingKernels(Kernels kernels, SparsePattern pattern, DenseAttention attention) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              DecodingKernels.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "decode_attention.cu"));

  /** Threads of a block, slots of the smallest part, and the most parts, as the program says. */
  private static final int THREADS = 128;

  private static final int TILE = 64;
  private static final int MOST_PARTS = 64;

  private static final int HEAD_STEP = 32;
  private static final int LARGEST_HEAD = 256;

  /** Query heads of a block that there are registers for. */
  private static final int MOST_HEADS = 8;

  /**
   * Chooses: gives the kernels on a CUDA device for the types and sizes that they take, if they are
   * to be used there.
   */
  static Optional<DecodingKernels> of(
      SparsePattern pattern, DenseAttention attention, Qkv added, StateCache cache) {
    Tensor q = added.q();
    Tensor keys = cache.get(KeptKeys.KEYS).orElseThrow();
    long headDim = q.size(3);
    int group = (int) (q.size(2) / added.k().size(2));
    ScalarType type = Tensors.type(q);
    if (!q.is_cuda()
        || CustomFunction.isInlined()
        || !(type == ScalarType.Float || type == ScalarType.BFloat16)
        || Tensors.type(keys) != type
        || headDim % HEAD_STEP != 0
        || headDim > LARGEST_HEAD
        || VectorSize.of(type, headDim, List.of(keys, cache.get(KeptKeys.VALUES).orElseThrow()))
            < vector(type)
        || q.size(0) > Grid.MOST_ROWS) {
      return Optional.empty();
    }
    Map<String, Integer> macros =
        Map.of(
            "ELEMENT_BF16",
            type == ScalarType.BFloat16 ? 1 : 0,
            "HEAD_DIM",
            (int) headDim,
            "GROUP",
            group,
            "HEADS",
            headsOfBlock(group),
            "GLOBALS",
            pattern.hasGlobals() ? 1 : 0);
    return KERNELS.usable(q, macros).map(found -> new DecodingKernels(found, pattern, attention));
  }

  /** Computes {@link DecodingAttention#attend}. */
  Tensor attend(Qkv added, Optional<Rotation> rotation, StateCache cache) {
    Tensor q = added.q().contiguous();
    long rows = q.size(0);
    long heads = q.size(2);
    long kvHeads = added.k().size(2);
    long headDim = q.size(3);
    Tensor positions = cache.positions(q);
    Tensor keys = cache.get(KeptKeys.KEYS).orElseThrow();
    Tensor values = cache.get(KeptKeys.VALUES).orElseThrow();
    @Nullable Tensor globalKeys = cache.get(KeySlots.globalName(KeptKeys.KEYS)).orElse(null);
    @Nullable Tensor globalValues = cache.get(KeySlots.globalName(KeptKeys.VALUES)).orElse(null);
    int slots = (int) keys.size(1);
    int globalSlots = globalKeys == null ? 0 : (int) globalKeys.size(1);
    @Nullable Tensor cos = rotation.map(angles -> angles.cos().contiguous()).orElse(null);
    @Nullable Tensor sin = rotation.map(angles -> angles.sin().contiguous()).orElse(null);
    long half = cos == null ? 0 : cos.size(3);
    if (globalSlots > 0) {
      long width = kvHeads * headDim;
      kernels
          .get("decode_move")
          .launch(
              new Grid((width + THREADS - 1) / THREADS, rows, 1, THREADS),
              positions,
              keys,
              values,
              globalKeys,
              globalValues,
              slots,
              globalSlots,
              (int) width,
              pattern.window(),
              pattern.every(),
              pattern.globals());
    }
    int globalParts = parts(globalSlots);
    int parts = globalParts + parts(slots);
    Tensor sums = Tensors.empty(q, ScalarType.Float, rows, heads, parts, 2);
    Tensor partials = Tensors.empty(q, ScalarType.Float, rows, heads, parts, headDim);
    kernels
        .get("decode_attention")
        .launch(
            new Grid(parts, heads / headsOfBlock((int) (heads / kvHeads)), rows, THREADS),
            q,
            added.k().contiguous(),
            added.v().contiguous(),
            cos,
            sin,
            cos == null || cos.size(0) == 1 ? 0L : half,
            positions,
            cache.get(KeptKeys.PADDING).orElse(null),
            keys,
            values,
            globalKeys,
            globalValues,
            sums,
            partials,
            slots,
            globalSlots,
            globalParts,
            (int) kvHeads,
            (int) half,
            pattern.window(),
            pattern.every(),
            (float) attention.scale(),
            attention.softCap().map(Double::floatValue).orElse(0f));
    Tensor y = torch.empty_like(q);
    kernels
        .get("decode_join")
        .launch(
            new Grid(heads, rows, 1, THREADS),
            sums,
            partials,
            positions,
            y,
            slots,
            globalSlots,
            globalParts,
            parts,
            pattern.window(),
            pattern.every());
    return y;
  }

  /** How many parts there may be of so many slots; how many there are is for the device to say. */
  private static int parts(int slots) {
    return Math.min(MOST_PARTS, (slots + TILE - 1) / TILE);
  }

  /** Elements of the 16 bytes that are read at once. */
  private static int vector(ScalarType type) {
    return type == ScalarType.BFloat16 ? 8 : 4;
  }

  /** The query heads of a group that a block takes together. */
  private static int headsOfBlock(int group) {
    int heads = Math.min(group, MOST_HEADS);
    while (group % heads != 0) {
      heads--;
    }
    return heads;
  }
}
