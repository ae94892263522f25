package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;

/**
 * What a linear map reads, before it is computed. Where CUDA kernels compute it, the map does not
 * keep it from forward to backward: the kernel for the gradients of what it is computed of has read
 * all that it takes to write it again, and the gradient of the weights is computed after that.
 */
public final class LinearInput {
  private final Optional<RecomputedFunction> function;
  private final Tensor[] inputs;

  /** The dimensions before the one that a map reads. */
  private final int leading;

  private LinearInput(Optional<RecomputedFunction> function, int leading, Tensor... inputs) {
    this.function = function;
    this.leading = leading;
    this.inputs = inputs;
  }

  /** Wraps what is computed already, and kept as usual. */
  public static LinearInput of(Tensor computed) {
    return new LinearInput(Optional.empty(), (int) computed.dim() - 1, computed);
  }

  /** What a function makes of inputs, the first of which has as many rows. */
  static LinearInput of(RecomputedFunction function, Tensor... inputs) {
    return new LinearInput(Optional.of(function), (int) inputs[0].dim() - 1, inputs);
  }

  /** Returns it with the last two dimensions as one. */
  public LinearInput flattened() {
    return new LinearInput(function, leading - 1, inputs);
  }

  /** Computes it for those who read it otherwise: [..., in]. */
  public Tensor tensor() {
    Tensor value = function.map(each -> each.apply(inputs)[0]).orElse(inputs[0]);
    return value.dim() == leading + 1 ? value : value.flatten(leading, -1);
  }

  /**
   * Applies a linear map without bias.
   *
   * @param weight [out, in]
   * @return [..., out]
   */
  public Tensor linear(Tensor weight) {
    return isRecomputed(weight) ? mapped(RowMap.DENSE, weight) : Tensors.linear(tensor(), weight);
  }

  /**
   * Says whether a map by these weights would keep it, and need not: the weights have a gradient,
   * and so has what it is computed of, by the kernel that writes it again.
   */
  boolean isRecomputed(Tensor weights) {
    return function.isPresent()
        && GradMode.is_enabled()
        && weights.requires_grad()
        && Arrays.stream(inputs).anyMatch(Tensor::requires_grad);
  }

  /** Applies a map to it without keeping it, where it {@link #isRecomputed}: [..., out]. */
  Tensor mapped(RowMap map, Tensor... parameters) {
    Tensor[] all = Arrays.copyOf(inputs, inputs.length + parameters.length);
    System.arraycopy(parameters, 0, all, inputs.length, parameters.length);
    Tensor rows = new RecomputedProduct(function.orElseThrow(), inputs.length, map).apply(all)[0];
    long[] sizes = Arrays.copyOf(Tensors.sizes(inputs[0]), leading + 1);
    sizes[leading] = rows.size(1);
    return rows.view(sizes);
  }

  /** Returns the number of its rows, where the last two dimensions are not {@link #flattened}. */
  long rows() {
    return inputs[0].numel() / inputs[0].size(-1);
  }
}
