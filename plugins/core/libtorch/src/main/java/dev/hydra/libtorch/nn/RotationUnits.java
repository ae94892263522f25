package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How the kernels of a norm with rotary positions cut their work: a unit is one head of one token.
 *
 * @param vector dimensions that a thread accesses at once
 * @param lanes threads of a unit, a power of two up to 32
 * @param pieces pairs of vectors of a thread
 */
record RotationUnits(int vector, int lanes, int pieces) {
  private static final int WARP = 32;
  private static final int THREADS = 256;

  /** Floats of a thread and its share of the weights' gradient that there is room for. */
  private static final int MOST_FLOATS = 32;

  /** Threads that a multiprocessor is to hold. */
  private static final int RESIDENT_THREADS = 512;

  /**
   * Cuts.
   *
   * @param x heads [batch, time, heads, headDim]
   * @param weight of their norm
   * @param half the pairs of a head
   * @param type of the result
   */
  static RotationUnits of(Tensor x, Tensor weight, long half, ScalarType type) {
    long beyond = x.size(3) - 2 * half;
    List<Tensor> accessed = List.of(x, weight);
    int vector =
        Math.min(
            VectorSize.of(type, half, accessed), VectorSize.of(Tensors.type(x), beyond, accessed));
    return of(vector, x.size(3) - half);
  }

  /** Cuts what is behind the first of all pairs. */
  static RotationUnits of(int vector, long seconds) {
    int vectors = (int) (seconds / vector);
    int lanes = 1;
    while (lanes < WARP && lanes < vectors) {
      lanes *= 2;
    }
    return new RotationUnits(vector, lanes, (vectors + lanes - 1) / lanes);
  }

  /** Says whether a thread can hold its part. */
  boolean possible() {
    return 2 * pieces * vector <= MOST_FLOATS;
  }

  /** Room for the first, or the second, of all pairs that the threads of a unit hold. */
  int pairs() {
    return pieces * lanes * vector;
  }

  /** What the kernels are compiled with. */
  Map<String, Integer> macros(Tensor x, Tensor weight, ScalarType type) {
    return Map.of(
        "VECTOR",
        vector,
        "LANES",
        lanes,
        "ITEMS",
        2 * pieces,
        "THREADS",
        THREADS,
        "RESIDENT",
        RESIDENT_THREADS / THREADS,
        "INPUT_BF16",
        Rows.bf16(Tensors.type(x)),
        "ELEMENT_BF16",
        Rows.bf16(type),
        "WEIGHT_BF16",
        Rows.bf16(Tensors.type(weight)));
  }

  /** Lays out a grid: at most so many times the blocks that run at once. */
  Grid grid(Kernel kernel, long rows, int times) {
    long perBlock = THREADS / lanes;
    long all = (rows + perBlock - 1) / perBlock;
    return Grid.of(Math.min(all, (long) times * kernel.blocksAtOnce(THREADS)), THREADS);
  }
}
