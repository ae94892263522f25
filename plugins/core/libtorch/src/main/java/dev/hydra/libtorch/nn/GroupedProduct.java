package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * LibTorch's grouped product with a backward of its own. The gradient of a group's matrix is a sum
 * over the group's rows, which LibTorch computes tile by tile: a few matrices have fewer tiles than
 * a large device has multiprocessors. Here the rows of a group are cut into parts, each of which is
 * a group of the product, and what came of the parts is added up in their order.
 */
final class GroupedProduct extends CustomFunction {
  private static final Operator GROUPED_MM = Operators.find("aten::_grouped_mm", "");

  private static final int ROWS = 0;
  private static final int WEIGHTS = 1;
  private static final int ENDS = 2;

  private final int parts;
  private final UnaryOperator<Tensor> cut;

  /**
   * Prepares it.
   *
   * @param parts into how many to cut the rows of each group for the gradient of its matrix
   * @param cut of ends [groups] those of the parts [groups * parts]
   */
  GroupedProduct(int parts, UnaryOperator<Tensor> cut) {
    this.parts = parts;
    this.cut = cut;
  }

  /**
   * Computes {@code rows W_g^T} by LibTorch's operator.
   *
   * @param rows [rows, in]
   * @param weights [groups, out, in]
   * @param ends int32 [groups]
   * @return [rows, out]
   */
  static Tensor plain(Tensor rows, Tensor weights, Tensor ends) {
    return product(rows, weights.transpose(1, 2), ends);
  }

  private static Tensor product(Tensor a, Tensor b, Tensor ends) {
    return GROUPED_MM.call(a, b, ends, null, null)[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    context.save(inputs);
    return new Tensor[] {plain(inputs[ROWS], inputs[WEIGHTS], inputs[ENDS])};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor arrived = gradients.of(0).contiguous();
    Tensor rows = context.saved(ROWS);
    Tensor weights = context.saved(WEIGHTS);
    Tensor ends = context.saved(ENDS);
    if (context.needsGrad(ROWS)) {
      gradients.give(ROWS, product(arrived, weights, ends));
    }
    if (context.needsGrad(WEIGHTS)) {
      Tensor ofParts = product(arrived.transpose(0, 1), rows, cut.apply(ends));
      long groups = weights.size(0);
      gradients.give(WEIGHTS, ofParts.view(groups, parts, weights.size(1), weights.size(2)).sum(1));
    }
  }
}
