package dev.hydra.libtorch.kernels;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import org.bytedeco.cuda.cudart.CUtensorMap;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Describes a tensor to a kernel that has hardware copy boxes of it (TMA, from compute capability
 * 9.0 on): the argument for a parameter {@code const __grid_constant__ TensorMap} of {@code
 * bulk_copies.cu}. Boxes have 64 columns, of one matrix, and in shared memory the order of the
 * panels of {@code hopper_products.cu}.
 *
 * @param tensor bfloat16 [rows, columns] or [matrices, rows, columns]; columns are neighbours, rows
 *     and matrices begin at multiples of 16 bytes, and so does the next one
 * @param rows of a box, 1 to 256
 */
public record TensorMap(Tensor tensor, int rows) {
  /** Of an encoded one. */
  static final int BYTES = 128;

  /** What the address of an encoded one is a multiple of. */
  static final int ALIGNMENT = 64;

  private static final int COLUMNS = 64;
  private static final int MOST_ROWS = 256;
  private static final int DIMENSIONS = 3;

  /** What strides and the address are multiples of. */
  private static final int UNIT_BYTES = 16;

  /**
   * Checks the tensor and the box.
   *
   * @throws IllegalArgumentException if hardware cannot copy boxes of it
   */
  public TensorMap {
    boolean possible =
        Tensors.type(tensor) == ScalarType.BFloat16
            && (tensor.dim() == 2 || tensor.dim() == DIMENSIONS)
            && tensor.numel() > 0
            && (tensor.size(-1) == 1 || tensor.stride(-1) == 1)
            && Arrays.stream(strides(tensor)).allMatch(each -> each > 0 && each % UNIT_BYTES == 0)
            && Tensors.address(tensor) % UNIT_BYTES == 0;
    if (!possible || rows < 1 || rows > MOST_ROWS) {
      throw new IllegalArgumentException(
          "there are no boxes of " + rows + " x " + COLUMNS + " of " + Kernel.describe(tensor));
    }
  }

  /** Elements along each dimension, columns first. */
  long[] sizes() {
    long matrices = tensor.dim() == DIMENSIONS ? tensor.size(0) : 1;
    return new long[] {tensor.size(-1), tensor.size(-2), matrices};
  }

  /** Bytes from row to row, and from matrix to matrix. */
  long[] strides() {
    return strides(tensor);
  }

  /**
   * The stride of a dimension of one may be anything, and is that of what would lie side by side.
   */
  private static long[] strides(Tensor tensor) {
    long row = stride(tensor, -2, tensor.size(-1) * tensor.element_size());
    long all = tensor.size(-2) * row;
    return new long[] {row, tensor.dim() == DIMENSIONS ? stride(tensor, 0, all) : all};
  }

  private static long stride(Tensor tensor, long dim, long side) {
    return tensor.size(dim) == 1 ? side : tensor.stride(dim) * tensor.element_size();
  }

  /** Elements of a box along each dimension, columns first. */
  int[] box() {
    return new int[] {COLUMNS, rows, 1};
  }

  /**
   * Writes what the kernel gets.
   *
   * @param to 128 bytes from a multiple of 64 on
   * @return the driver's result
   */
  int encode(Pointer to) {
    try (Pointer data = tensor.data_ptr()) {
      return cudart.cuTensorMapEncodeTiled(
          new CUtensorMap(to),
          cudart.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
          DIMENSIONS,
          data,
          sizes(),
          strides(),
          box(),
          new int[] {1, 1, 1},
          cudart.CU_TENSOR_MAP_INTERLEAVE_NONE,
          cudart.CU_TENSOR_MAP_SWIZZLE_128B,
          cudart.CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
          cudart.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    }
  }
}
