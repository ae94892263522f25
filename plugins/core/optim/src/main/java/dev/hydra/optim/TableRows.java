package dev.hydra.optim;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.libtorch.runtime.Scopes;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The entries of a table's sparse gradient, sorted by row as kernels need them (table_rows.cu). The
 * host does not learn which rows there are.
 *
 * @param sorted int32 [entries]: the rows, ascending; half of the passes that sorting int64 takes
 * @param order int64 [entries]: which entry each was; entries of one row stay in order
 * @param values float32 [entries, width], contiguous
 */
record TableRows(Tensor sorted, Tensor order, Tensor values) implements AutoCloseable {
  private static final Operator INDICES = Operators.find("aten::_indices", "");
  private static final Operator VALUES = Operators.find("aten::_values", "");

  /** The rows of a table that a block has, a warp for each, and its threads. */
  private static final int ROWS_OF_BLOCK = 8;

  private static final int THREADS = 256;

  /** Sorts the entries of a gradient, which need not be coalesced. */
  static TableRows of(Tensor gradient) {
    try (PointerScope scope = new PointerScope();
        BoolOptional stable = new BoolOptional(true)) {
      T_TensorTensor_T sorted = indices(gradient).to(ScalarType.Int).sort(stable, 0, false);
      return new TableRows(
          Scopes.own(sorted.get0()), Scopes.own(sorted.get1()), Scopes.own(values(gradient)));
    }
  }

  /** Returns the rows of a gradient's entries: int64 [entries]. */
  static Tensor indices(Tensor gradient) {
    return INDICES.call(gradient)[0].select(0, 0).contiguous();
  }

  /** Returns what a gradient's entries hold: [entries, width]. */
  static Tensor values(Tensor gradient) {
    return VALUES.call(gradient)[0].contiguous();
  }

  /** Returns the grid of kernels in which a warp has a row, or an entry of a list of rows. */
  static Grid grid(long rows) {
    return Grid.of(Grid.count(rows, ROWS_OF_BLOCK), THREADS);
  }

  /** The grid of kernels in which a warp has an entry. */
  Grid grid() {
    return grid(count());
  }

  /** How many entries there are. */
  int count() {
    return Math.toIntExact(sorted.size(0));
  }

  /** The columns of the table. */
  long width() {
    return values.size(1);
  }

  @Override
  public void close() {
    sorted.close();
    order.close();
    values.close();
  }
}
