package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A parameter as an optimizer sees it.
 *
 * @param name its name in the model
 * @param master its value, float32 (or float64), changed in place
 * @param gradient its gradient, of the same shape and type; the same tensor at every step. A sparse
 *     one (COO, rows by their numbers) is coalesced whenever a step is made
 * @param decay whether weight decay applies
 */
public record OptimizedParameter(String name, Tensor master, Tensor gradient, boolean decay) {
  /** Checks shape and type. */
  public OptimizedParameter {
    ScalarType type = Tensors.type(master);
    if (type != ScalarType.Float && type != ScalarType.Double) {
      throw new IllegalArgumentException(name + " is optimized in float32, but is " + type);
    }
    if (Tensors.type(gradient) != type
        || !Arrays.equals(Tensors.sizes(gradient), Tensors.sizes(master))) {
      throw new IllegalArgumentException(name + " and its gradient must be of one shape and type");
    }
  }
}
