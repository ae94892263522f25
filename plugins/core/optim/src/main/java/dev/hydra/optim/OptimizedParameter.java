package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A parameter as an optimizer sees it.
 *
 * @param name its name in the model
 * @param master its value, float32 (or float64), changed in place
 * @param gradient its gradient, of the same shape and type; the same tensor at every step. A sparse
 *     one (COO, rows by their numbers), which only a table has, is coalesced whenever a step is
 *     made. It is in bfloat16 only where the factory {@linkplain
 *     OptimizerFactory#takesWorkingGradients takes} that; then it may be one number for all
 *     elements, if {@link FusedUpdate#gradients} says where the real one is
 * @param copy its working copy in bfloat16, if it has one
 * @param decay whether weight decay applies
 * @param read of a table whose gradient is dense, bool [rows]: the rows that were read. A step
 *     leaves all others as they are, and what belongs to them of the optimizer's state. Only where
 *     the factory {@linkplain OptimizerFactory#takesDenseTables takes} that
 */
public record OptimizedParameter(
    String name,
    Tensor master,
    Tensor gradient,
    Optional<Tensor> copy,
    boolean decay,
    Optional<Tensor> read) {
  /** Checks shape and type. */
  public OptimizedParameter {
    ScalarType type = Tensors.type(master);
    if (type != ScalarType.Float && type != ScalarType.Double) {
      throw new IllegalArgumentException(name + " is optimized in float32, but is " + type);
    }
    ScalarType given = Tensors.type(gradient);
    boolean typesFit = given == type || (copy.isPresent() && given == Tensors.type(copy.get()));
    if (!typesFit || !Arrays.equals(Tensors.sizes(gradient), Tensors.sizes(master))) {
      throw new IllegalArgumentException(name + " and its gradient must be of one shape and type");
    }
    if (read.isPresent()
        && (gradient.is_sparse()
            || given != type
            || Tensors.type(read.get()) != ScalarType.Bool
            || !Arrays.equals(Tensors.sizes(read.get()), new long[] {master.size(0)}))) {
      throw new IllegalArgumentException(
          name
              + " must have a dense gradient of its type, and a bool for each of its rows that says if"
              + " it is read");
    }
  }

  /** Describes a parameter that is not a table with a dense gradient. */
  public OptimizedParameter(
      String name, Tensor master, Tensor gradient, Optional<Tensor> copy, boolean decay) {
    this(name, master, gradient, copy, decay, Optional.empty());
  }

  /** Describes a parameter without a working copy. */
  public OptimizedParameter(String name, Tensor master, Tensor gradient, boolean decay) {
    this(name, master, gradient, Optional.empty(), decay);
  }

  /** Says whether it is a table, of which a step changes only the rows that were read. */
  public boolean isTable() {
    return gradient.is_sparse() || read.isPresent();
  }
}
