package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** Tensors as kernels see them: rows of neighbouring elements, a fixed number of elements apart. */
final class Rows {
  /** More channels a unit would not fit into registers. */
  private static final long LARGEST_WIDTH = 1 << 15;

  private static final long MOST_GROUPS = 65_535;

  private Rows() {}

  /** Says whether kernels are to be used for what is computed of a tensor, if they can be. */
  static boolean wanted(Tensor x) {
    return x.is_cuda() && KernelMode.current() != KernelMode.PLAIN && !CustomFunction.isInlined();
  }

  /** Says whether kernels know the type. */
  static boolean isKernelType(ScalarType type) {
    return type == ScalarType.Float || type == ScalarType.BFloat16;
  }

  /** The value of a macro such as ELEMENT_BF16. */
  static int bf16(ScalarType type) {
    return type == ScalarType.BFloat16 ? 1 : 0;
  }

  /** Says whether x can be cut into units of so many channels, and has any. */
  static boolean possible(Tensor x, long width) {
    return x.numel() > 0 && width <= LARGEST_WIDTH && x.size(-1) / width <= MOST_GROUPS;
  }

  /** [..., n] as [rows, n], a view if it can be one. */
  static Tensor of(Tensor tensor) {
    Tensor inRows = VectorSize.hasRows(tensor) ? tensor : tensor.contiguous();
    return inRows.reshape(-1, tensor.size(-1));
  }

  /** The same, each row fit to be accessed so many elements at once. */
  static Tensor fit(int vector, Tensor tensor) {
    return VectorSize.fit(vector, of(tensor));
  }

  /** Elements from row to row; 0 if there is no tensor. */
  static long stride(@Nullable Tensor rows) {
    return rows == null ? 0 : rows.stride(0);
  }
}
