package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Looks up the rows of tokens in a table. On CUDA the rows are read, cast and scaled in one pass,
 * and their gradients are added to that of the table in place: to what a head that reads the same
 * table has left, where both share it ({@link GradientSum}).
 */
public final class Embedding extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              Embedding.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "embedding.cu"));

  private static final int THREADS = 256;
  private static final int WARP = 32;

  /** Vectors that a lane has. */
  private static final int PIECES = 2;

  private final long untrained;
  private final ScalarType type;
  private final double factor;
  private final ScalarType tableType;
  private final Optional<GradientSum> shared;

  private Embedding(Tensor table, long untrained, ScalarType type, double factor) {
    this.untrained = untrained;
    this.type = type;
    this.factor = factor;
    this.tableType = Tensors.type(table);
    this.shared = GradientSum.behind(table);
  }

  /**
   * Computes {@code y = factor * table[token]} for every token.
   *
   * @param table [tokens that there are, width]
   * @param tokens int64 [...]
   * @param untrained a token that gives its row no gradient, if there is one
   * @param type of the result, in which is multiplied
   * @return [..., width]
   */
  public static Tensor of(
      Tensor table, Tensor tokens, Optional<Integer> untrained, ScalarType type, double factor) {
    long none = untrained.map(Integer::longValue).orElse(RowSums.NONE);
    return Rows.wanted(table)
        ? apart(table, tokens, none, type, factor)
        : plain(table, tokens, none, type, factor);
  }

  /** The same by the operators of LibTorch. */
  static Tensor plain(Tensor table, Tensor tokens, long untrained, ScalarType type, double factor) {
    Tensor rows = torch.embedding(table, tokens, untrained, false, false);
    return Tensors.scaled(Tensors.cast(rows, type), factor);
  }

  /** The same by a function of its own, wherever the table is. */
  static Tensor apart(Tensor table, Tensor tokens, long untrained, ScalarType type, double factor) {
    return new Embedding(table, untrained, type, factor).apply(table, tokens)[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor table = inputs[0];
    Tensor tokens = inputs[1].contiguous();
    context.save(tokens);
    int vector = VectorSize.of(tableType, table.size(1), List.of(table));
    return new Tensor[] {
      kernels(table, tokens, vector)
          .map(found -> rows(found, table, tokens, vector))
          .orElseGet(() -> plain(table, tokens, untrained, type, factor))
    };
  }

  private Optional<Kernels> kernels(Tensor table, Tensor tokens, int vector) {
    if (!Rows.wanted(table)
        || !Rows.isKernelType(tableType)
        || !Rows.isKernelType(type)
        || !table.is_contiguous()
        || tokens.numel() == 0) {
      return Optional.empty();
    }
    return KERNELS.usable(
        table,
        Map.of(
            "ELEMENT_BF16",
            Rows.bf16(tableType),
            "STREAM_BF16",
            Rows.bf16(type),
            "VECTOR",
            vector));
  }

  private Tensor rows(Kernels kernels, Tensor table, Tensor tokens, int vector) {
    long width = table.size(1);
    Tensor rows = Tensors.empty(table, type, tokens.numel(), width);
    kernels
        .get("embedding")
        .launch(
            new Grid(
                Grid.count(tokens.numel(), THREADS / WARP),
                Grid.count(width, (long) WARP * PIECES * vector),
                1,
                THREADS),
            table,
            tokens,
            rows,
            tokens.numel(),
            table.size(0),
            (int) width,
            (float) factor);
    long[] sizes = Tensors.sizes(tokens.unsqueeze(-1));
    sizes[sizes.length - 1] = width;
    return rows.view(sizes);
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor arrived = gradients.of(0);
    long[] sizes = gradients.sizes(0);
    GradientSum.Room room = GradientSum.room(shared, arrived, tableType, sizes);
    if (!room.adds()) {
      room.tensor().zero_();
    }
    RowSums.add(
        room.tensor(),
        context.saved(0).flatten(),
        arrived.reshape(-1, sizes[1]),
        factor,
        untrained);
    room.give(gradients, 0);
  }
}
