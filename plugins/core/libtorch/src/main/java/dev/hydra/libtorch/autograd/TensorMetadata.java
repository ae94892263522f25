package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Shape and type of a tensor, to which its gradient must conform. */
final class TensorMetadata {
  private final long[] sizes;
  private final ScalarType type;

  /** Reads shape and type of a tensor. */
  TensorMetadata(Tensor tensor) {
    sizes = Tensors.sizes(tensor);
    type = Tensors.type(tensor);
  }

  /** Returns the sizes. */
  long[] sizes() {
    return sizes.clone();
  }

  /** Returns zeros of this kind, on the device of another tensor. */
  Tensor zeros(Tensor like) {
    return Tensors.zeros(like, type, sizes);
  }

  /**
   * Returns the gradient in this type. LibTorch does not check what a hook returns, so this does.
   */
  Tensor checked(int input, Tensor gradient) {
    long[] actual = Tensors.sizes(gradient);
    if (!Arrays.equals(actual, sizes)) {
      throw new IllegalArgumentException(
          "the gradient of input %d has shape %s, the input has %s"
              .formatted(input, Arrays.toString(actual), Arrays.toString(sizes)));
    }
    return Tensors.cast(gradient, type);
  }
}
