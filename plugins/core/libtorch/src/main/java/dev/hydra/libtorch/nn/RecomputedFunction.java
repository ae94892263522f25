package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A function of one output that its backward can compute again on the way, from what it reads for
 * the gradients anyway. So what comes after it need not keep the output, see {@link LinearInput}.
 */
abstract class RecomputedFunction extends CustomFunction {
  @Override
  protected abstract Tensor[] forward(Context context, Tensor... inputs);

  @Override
  protected final void backward(Context context, Gradients gradients) {
    backward(context, gradients.of(0), gradients, false);
  }

  /**
   * Computes the gradients of the inputs.
   *
   * @param arrived the gradient of the output, its elements in the order of those, in any shape
   * @param again whether the output is needed again
   * @return if so, the same bits as forward gave, contiguous
   */
  abstract Optional<Tensor> backward(
      Context context, Tensor arrived, Gradients gradients, boolean again);
}
