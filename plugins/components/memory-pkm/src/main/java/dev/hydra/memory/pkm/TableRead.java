package dev.hydra.memory.pkm;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Weighted sums of rows of a table, without a copy of the rows; the table's gradient is sparse. */
final class TableRead {
  private static final long SUM_OF_BAG = 0;

  private TableRead() {}

  /**
   * Reads, by CUDA kernels where they can be used.
   *
   * @param table float32 or float64 [rows, dim]
   * @param rows int64 [tokens, reads]
   * @param weights [tokens, reads] in the type of the table
   * @param type the type of the result
   * @return [tokens, dim]
   */
  static Tensor of(Tensor table, Tensor rows, Tensor weights, ScalarType type) {
    return FusedTableRead.of(table, rows, type)
        .map(fused -> fused.read(table, rows, weights))
        .orElseGet(() -> Tensors.cast(plain(table, rows, weights), type));
  }

  /** Reads by LibTorch's operators, in the type of the table. */
  static Tensor plain(Tensor table, Tensor rows, Tensor weights) {
    Tensor offsets = Tensors.mul(Tensors.range(0, rows.size(0), rows), rows.size(1));
    try (TensorOptional scale = new TensorOptional(weights.flatten())) {
      return torch
          .embedding_bag(table, rows.flatten(), offsets, false, SUM_OF_BAG, true, scale, false)
          .get0();
    }
  }
}
