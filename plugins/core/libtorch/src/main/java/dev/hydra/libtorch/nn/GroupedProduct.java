package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * A grouped product with a backward of its own. The gradient of a group's matrix is a sum over the
 * group's rows, which is computed tile by tile: a few matrices have fewer tiles than a large device
 * has multiprocessors. Here the rows of a group are cut into parts, each of which is a group of the
 * product, and what came of the parts is added up in their order.
 */
final class GroupedProduct extends CustomFunction implements RowMap {
  private static final Operator GROUPED_MM = Operators.find("aten::_grouped_mm", "");

  private static final int ROWS = 0;
  private static final int WEIGHTS = 1;
  private static final int ENDS = 2;

  private final Products products;
  private final int parts;
  private final UnaryOperator<Tensor> cut;

  /**
   * The products of groups of rows: rows [rows, in], weights [groups, out, in], ends int32 [groups]
   * and gradients that arrive [rows, out], all contiguous.
   */
  interface Products {
    /** LibTorch's. */
    Products LIBTORCH =
        new Products() {
          @Override
          public Tensor forward(Tensor rows, Tensor weights, Tensor ends) {
            return call(rows, weights.transpose(1, 2), ends);
          }

          @Override
          public Tensor ofRows(Tensor arrived, Tensor weights, Tensor ends) {
            return call(arrived, weights, ends);
          }

          @Override
          public Tensor ofWeights(Tensor arrived, Tensor rows, Tensor ends) {
            return call(arrived.transpose(0, 1), rows, ends);
          }

          private Tensor call(Tensor a, Tensor b, Tensor ends) {
            return GROUPED_MM.call(a, b, ends, null, null)[0];
          }
        };

    /** Computes {@code rows W_g^T}: [rows, out]. */
    Tensor forward(Tensor rows, Tensor weights, Tensor ends);

    /** Computes the gradient of the rows: [rows, in]. */
    Tensor ofRows(Tensor arrived, Tensor weights, Tensor ends);

    /** Computes the gradient of the weights: [groups, out, in]. */
    Tensor ofWeights(Tensor arrived, Tensor rows, Tensor ends);
  }

  /**
   * Prepares it.
   *
   * @param parts into how many to cut the rows of each group for the gradient of its matrix
   * @param cut of ends [groups] those of the parts [groups * parts]
   */
  GroupedProduct(Products products, int parts, UnaryOperator<Tensor> cut) {
    this.products = products;
    this.parts = parts;
    this.cut = cut;
  }

  /** Prepares one whose groups are not cut. */
  GroupedProduct(Products products) {
    this(products, 1, UnaryOperator.identity());
  }

  /** Returns the number of parts. */
  int parts() {
    return parts;
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor rows = inputs[ROWS].contiguous();
    Tensor weights = inputs[WEIGHTS].contiguous();
    context.save(rows, weights, inputs[ENDS]);
    return new Tensor[] {product(rows, weights, inputs[ENDS])};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor arrived = gradients.of(0).contiguous();
    Tensor weights = context.saved(WEIGHTS);
    Tensor ends = context.saved(ENDS);
    if (context.needsGrad(ROWS)) {
      gradients.give(ROWS, ofRows(arrived, weights, ends));
    }
    if (context.needsGrad(WEIGHTS)) {
      gradients.give(WEIGHTS, ofWeights(arrived, context.saved(ROWS), weights, ends));
    }
  }

  /** Parameters here are weights [groups, out, in] and ends int32 [groups]. */
  @Override
  public Tensor product(Tensor rows, Tensor... parameters) {
    return products.forward(rows, parameters[0], parameters[1]);
  }

  @Override
  public Tensor ofRows(Tensor arrived, Tensor... parameters) {
    return products.ofRows(arrived, parameters[0], parameters[1]);
  }

  @Override
  public Tensor ofWeights(Tensor arrived, Tensor rows, Tensor... parameters) {
    Tensor weights = parameters[0];
    Tensor ofParts = products.ofWeights(arrived, rows, cut.apply(parameters[1]));
    return parts == 1
        ? ofParts
        : ofParts.view(weights.size(0), parts, weights.size(1), weights.size(2)).sum(1);
  }
}
