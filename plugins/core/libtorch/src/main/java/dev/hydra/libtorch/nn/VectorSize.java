package dev.hydra.libtorch.nn;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;

/**
 * How many neighbouring elements a thread of a kernel reads or writes at once, the kernels' VECTOR:
 * at most 16 bytes, a power of two, and never across what is aligned to it, which CUDA refuses.
 */
final class VectorSize {
  private static final int BYTES = 16;

  private VectorSize() {}

  /**
   * Returns the largest that fits.
   *
   * @param row how many elements lie side by side in a row, or in the part of one that is computed
   *     on its own
   * @param first the elements that 16 bytes are counted in
   * @param others what is accessed likewise, of this or another type
   */
  static int of(long row, Tensor first, Tensor... others) {
    int size = BYTES / (int) first.element_size();
    while (row % size != 0) {
      size /= 2;
    }
    size = within(size, first);
    for (Tensor other : others) {
      size = within(size, other);
    }
    return size;
  }

  /** Says whether a tensor has rows that can be accessed so many elements at once. */
  static boolean fits(int size, Tensor tensor) {
    return hasRows(tensor) && within(size, tensor) == size;
  }

  /** The tensor itself if it fits, else a copy that does. */
  static Tensor fit(int size, Tensor tensor) {
    if (fits(size, tensor)) {
      return tensor;
    }
    return tensor.is_contiguous() ? tensor.clone() : tensor.contiguous();
  }

  /** Says whether the elements of the last dimension are neighbours. */
  static boolean hasRows(Tensor tensor) {
    int last = (int) tensor.dim() - 1;
    return tensor.stride(last) == 1;
  }

  private static int within(int most, Tensor tensor) {
    int size = most;
    for (int dim = 0; dim < tensor.dim() - 1; dim++) {
      while (tensor.size(dim) > 1 && tensor.stride(dim) % size != 0) {
        size /= 2;
      }
    }
    try (Pointer data = tensor.data_ptr()) {
      long place = data.address() / tensor.element_size();
      while (place % size != 0) {
        size /= 2;
      }
    }
    return size;
  }
}
