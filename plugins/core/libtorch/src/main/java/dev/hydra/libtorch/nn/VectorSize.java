package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How many neighbouring elements a thread of a kernel reads or writes at once, the kernels' VECTOR:
 * at most 16 bytes, a power of two, and never across what is aligned to it, which CUDA refuses.
 */
public final class VectorSize {
  private static final int BYTES = 16;

  private VectorSize() {}

  /**
   * Returns the largest that fits. What has no rows does not count: it is copied before it is used.
   *
   * @param type the elements that 16 bytes are counted in
   * @param width how many elements lie side by side in a row, or in the part of one that is
   *     computed on its own
   * @param tensors what is accessed so, of this or another type
   */
  public static int of(ScalarType type, long width, List<Tensor> tensors) {
    int size = type == ScalarType.BFloat16 ? BYTES / 2 : BYTES / 4;
    while (width % size != 0) {
      size /= 2;
    }
    for (Tensor tensor : tensors) {
      size = hasRows(tensor) ? within(size, tensor) : size;
    }
    return size;
  }

  /** Says whether a tensor has rows that can be accessed so many elements at once. */
  static boolean fits(int size, Tensor tensor) {
    return hasRows(tensor) && within(size, tensor) == size;
  }

  /** Returns the tensor itself if it fits, else a copy that does. */
  public static Tensor fit(int size, Tensor tensor) {
    if (fits(size, tensor)) {
      return tensor;
    }
    return tensor.is_contiguous() ? tensor.clone() : tensor.contiguous();
  }

  /** Says whether the elements of the last dimension are neighbours. */
  public static boolean hasRows(Tensor tensor) {
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
    long place = Tensors.address(tensor) / tensor.element_size();
    while (place % size != 0) {
      size /= 2;
    }
    return size;
  }
}
