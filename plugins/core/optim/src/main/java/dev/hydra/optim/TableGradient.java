package dev.hydra.optim;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Adds up sparse gradients of a table without the host being told which rows they hold, so that it
 * need not wait and a step can be captured in a CUDA graph. It takes the memory of the table, and a
 * byte for each row.
 *
 * @param sum [rows, dim] in the type of the table: zeros where no gradient held a row
 * @param read bool [rows]: the rows that a gradient held
 */
public record TableGradient(Tensor sum, Tensor read) implements AutoCloseable {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              TableGradient.class, "primitives.cu", "vectors.cu", "table_rows.cu", "table_sum.cu"));

  /** Makes one in which nothing has been added, for a table [rows, dim]; owned by the caller. */
  public static TableGradient of(Tensor table) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor sum = Scopes.own(Tensors.zeros(table, Tensors.sizes(table)));
      return new TableGradient(
          sum, Scopes.own(Tensors.zeros(table, ScalarType.Bool, table.size(0))));
    }
  }

  /**
   * Adds a gradient, in a fixed order: by a kernel, or else by LibTorch's operators.
   *
   * @param gradient sparse [rows, dim] in the type of the table; it may hold a row several times
   */
  public void add(Tensor gradient) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor rows = TableRows.indices(gradient);
      if (rows.size(0) == 0) {
        return;
      }
      Optional<Kernels> kernels =
          Tensors.type(sum) == ScalarType.Float ? KERNELS.usable(sum, Map.of()) : Optional.empty();
      if (kernels.isPresent()) {
        addBy(kernels.get(), gradient);
      } else {
        Tensors.addRows(sum, rows, TableRows.values(gradient));
        read.index_fill_(0, rows, new Scalar(1.0));
      }
    }
  }

  private void addBy(Kernels kernels, Tensor gradient) {
    try (TableRows rows = TableRows.of(gradient)) {
      kernels
          .get("table_sum")
          .launch(
              rows.grid(),
              rows.sorted(),
              rows.order(),
              rows.values(),
              rows.count(),
              rows.width(),
              sum,
              read);
    }
  }

  @Override
  public void close() {
    sum.close();
    read.close();
  }
}
