package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A linear map of what a function gives, which is not kept for the gradient of the weights.
 * Backward goes through the map first, for which it needs the weights only, then through the
 * function, which gives its output again, and computes the gradient of the weights last.
 */
final class RecomputedProduct extends CustomFunction {
  private final RecomputedFunction function;
  private final int inputs;
  private final RowMap map;

  /**
   * Prepares it, for the inputs of the function and then the parameters of the map.
   *
   * @param inputs how many the function has
   */
  RecomputedProduct(RecomputedFunction function, int inputs, RowMap map) {
    this.function = function;
    this.inputs = inputs;
    this.map = map;
  }

  /** Computes [rows, out]. */
  @Override
  protected Tensor[] forward(Context context, Tensor... all) {
    Tensor value = function.forward(context, Arrays.copyOf(all, inputs))[0];
    Tensor[] parameters = new Tensor[all.length - inputs];
    Arrays.setAll(parameters, i -> all[inputs + i].contiguous());
    context.save(parameters);
    return new Tensor[] {map.product(rows(value, parameters), parameters)};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor arrived = gradients.of(0).contiguous();
    Tensor[] parameters = new Tensor[gradients.count() - inputs];
    int first = context.savedCount() - parameters.length;
    Arrays.setAll(parameters, i -> context.saved(first + i));
    Tensor ofRows = map.ofRows(arrived, parameters);
    Optional<Tensor> value = function.backward(context, ofRows, gradients, true);
    gradients.give(
        inputs, map.ofWeights(arrived, rows(value.orElseThrow(), parameters), parameters));
    if (parameters.length > 1 && context.needsGrad(inputs + 1)) {
      gradients.give(inputs + 1, arrived.sum(0));
    }
  }

  /** A value as [rows, in]. */
  private static Tensor rows(Tensor value, Tensor... parameters) {
    return value.view(-1, parameters[0].size(-1));
  }
}
