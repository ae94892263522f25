package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Looks up rows of sequences by their numbers, of which many may be the same. Unlike that of {@code
 * gather} and {@code index_select}, the backward adds up the gradients of a row in a fixed order on
 * CUDA, too.
 */
public final class RowLookup extends CustomFunction {
  private RowLookup() {}

  /**
   * Returns {@code y[b, i] = rows[b, index[b, i]]}.
   *
   * @param rows [batch, n, width]
   * @param index int64 [1 or batch, m], each in {@code 0..n-1}
   * @return [batch, m, width]
   */
  public static Tensor of(Tensor rows, Tensor index) {
    long batch = rows.size(0);
    Tensor begin = Tensors.mul(Tensors.range(0, batch, index), rows.size(1)).unsqueeze(1);
    Tensor places = index.add(begin);
    return new RowLookup()
        .apply(rows.flatten(0, 1), places.flatten())[0].view(batch, places.size(1), rows.size(2));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    context.save(inputs);
    return new Tensor[] {inputs[0].index_select(0, inputs[1])};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor dy = gradients.of(0).contiguous();
    Tensor table = Tensors.zeros(dy, Tensors.sizes(context.saved(0)));
    RowSums.add(table, context.saved(1), dy, 1, RowSums.NONE);
    gradients.give(0, table);
  }
}
