package dev.hydra.memory.pkm;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The weighted sums of rows by CUDA kernels. Its twin is {@link TableRead#plain}.
 *
 * <p>The table's gradient has a sum for each row, added up in a fixed order, and not one entry for
 * each read. How many rows were read the host is not told, so that it need not wait: the gradient
 * has as many entries as there could be, and those left over repeat rows with zeros.
 */
final class FusedTableRead extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedTableRead.class, "primitives.cu", "dependent_launch.cu", "pkm_read.cu"));

  /** Columns that a thread has. */
  private static final int VECTOR = 4;

  private static final int MOST_COLUMNS = 4096;
  private static final int READ_THREADS = 128;
  private static final int SUM_THREADS = 256;
  private static final int WARPS_OF_BLOCK = 8;

  /** Reads that are added up together where all are of the same row. */
  private static final int PIECE = 128;

  private static final int COLUMNS_OF_WARP = 512;

  private final Kernels kernels;
  private final ScalarType type;

  private FusedTableRead(Kernels kernels, ScalarType type) {
    this.kernels = kernels;
    this.type = type;
  }

  /** Chooses as {@link FusedSearch#of} does. */
  static Optional<FusedTableRead> of(Tensor table, Tensor rows, ScalarType type) {
    int dim = (int) table.size(1);
    if (!table.is_cuda()
        || isInlined()
        || Tensors.type(table) != ScalarType.Float
        || !(type == ScalarType.Float || type == ScalarType.BFloat16)
        || rows.numel() == 0
        || dim % VECTOR != 0
        || dim > MOST_COLUMNS) {
      return Optional.empty();
    }
    Map<String, Integer> macros =
        Map.of(
            "DIM",
            dim,
            "READS",
            (int) rows.size(1),
            "OUT_BF16",
            type == ScalarType.BFloat16 ? 1 : 0);
    return KERNELS.usable(table, macros).map(found -> new FusedTableRead(found, type));
  }

  /** Computes {@link TableRead#of}. */
  Tensor read(Tensor table, Tensor rows, Tensor weights) {
    return apply(table, rows, weights)[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor table = inputs[0].contiguous();
    Tensor rows = inputs[1].contiguous();
    Tensor weights = inputs[2].contiguous();
    long tokens = rows.size(0);
    int vectors = (int) table.size(1) / VECTOR;
    int together = Math.max(1, (READ_THREADS - 1 + vectors) / vectors);
    Tensor out = Tensors.empty(table, type, tokens, table.size(1));
    kernels
        .get("pkm_read")
        .launch(blocks(tokens, together, vectors * together), table, rows, weights, out, tokens);
    context.save(table, rows, weights);
    return new Tensor[] {out};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor table = context.saved(0);
    Tensor rows = context.saved(1);
    Tensor weights = context.saved(2);
    Tensor gradient = gradients.of(0).contiguous();
    if (context.needsGrad(2)) {
      Tensor own = torch.empty_like(weights);
      kernels
          .get("pkm_read_weights")
          .launch(Grid.of(rows.size(0), READ_THREADS), table, rows, gradient, own);
      gradients.give(2, own);
    }
    if (context.needsGrad(0)) {
      gradients.give(0, tableGradient(table, rows, weights, gradient));
    }
  }

  private Tensor tableGradient(Tensor table, Tensor rows, Tensor weights, Tensor gradient) {
    long reads = rows.numel();
    long slots = Math.min(reads, table.size(0));
    Tensor sorted;
    Tensor order;
    try (BoolOptional stable = new BoolOptional(true)) {
      T_TensorTensor_T both = rows.flatten().to(ScalarType.Int).sort(stable, 0, false);
      sorted = both.get0();
      order = both.get1();
    }
    Tensor first = Tensors.empty(rows, ScalarType.Int, reads);
    Grid perRead = blocks(reads, SUM_THREADS, SUM_THREADS);
    kernels.get("pkm_first").launch(perRead, sorted, first, reads);
    Tensor counts = first.cumsum(0);
    Tensor begins = Tensors.empty(rows, ScalarType.Long, slots + 1);
    kernels.get("pkm_begins").launch(perRead, first, counts, begins, reads);

    long columns = table.size(1);
    Tensor pieces = Tensors.empty(table, ScalarType.Float, Grid.count(reads, PIECE), columns);
    kernels
        .get("pkm_pieces")
        .launch(warps(pieces), sorted, order, weights, gradient, pieces, reads);
    Tensor indices = Tensors.empty(rows, ScalarType.Long, 1, slots);
    Tensor values = Tensors.empty(table, ScalarType.Float, slots, columns);
    kernels
        .get("pkm_rows")
        .launch(
            warps(values),
            sorted,
            order,
            counts,
            begins,
            weights,
            gradient,
            pieces,
            indices,
            values,
            reads,
            slots);
    return torch.torch__sparse_coo_tensor_unsafe(indices, values, Tensors.sizes(table));
  }

  /** A warp has up to 512 columns of a row of {@code sums}. */
  private static Grid warps(Tensor sums) {
    return new Grid(
        Grid.count(sums.size(0), WARPS_OF_BLOCK),
        Grid.count(sums.size(1), COLUMNS_OF_WARP),
        1,
        SUM_THREADS);
  }

  private static Grid blocks(long items, int each, int threads) {
    return Grid.of((items + each - 1) / each, threads);
  }
}
