package dev.hydra.trainer.step;

import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.TableGradient;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LayoutOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.Layout;

/**
 * The buffers in which the gradient of one parameter is accumulated.
 *
 * @param working what backward adds to, in the type of the working copy; of a table, whose rows
 *     {@link Gradients#take} takes, the main gradient; where backward hands gradients over, one
 *     number in the shape of the parameter
 * @param mainGradient what the optimizer sees, which may be sparse for a table: in the master type,
 *     or the same tensor as the other where the types are equal or one backward is all that there
 *     is to add
 * @param read of a table whose main gradient is dense: the rows that were read
 * @param handedOver whether there are no buffers, as backward hands gradients over
 */
record GradientBuffers(
    Tensor working, Tensor mainGradient, Optional<Tensor> read, boolean handedOver)
    implements AutoCloseable {
  private GradientBuffers(Tensor working, Tensor mainGradient, boolean handedOver) {
    this(working, mainGradient, Optional.empty(), handedOver);
  }

  /** Creates the buffers, which are from now on the parameter's. */
  static GradientBuffers of(Parameter parameter, GradientForm form) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      if (parameter.spec().sparse() && form == GradientForm.DENSE_TABLES) {
        TableGradient table = TableGradient.of(parameter.master());
        return new GradientBuffers(table.sum(), table.sum(), Optional.of(table.read()), false);
      }
      if (parameter.spec().sparse()) {
        Tensor rows = Scopes.own(noRows(parameter.master()));
        return new GradientBuffers(rows, rows, false);
      }
      Tensor working = parameter.working();
      if (form == GradientForm.HANDED_OVER) {
        working.mutable_grad().reset();
        Tensor shape = Scopes.own(Tensors.zeros(working, 1).expand(Tensors.sizes(working)));
        return new GradientBuffers(shape, shape, true);
      }
      Tensor buffer = Scopes.own(torch.zeros_like(working));
      working.mutable_grad().put(buffer);
      Tensor added = parameter.copied() ? Scopes.own(torch.zeros_like(parameter.master())) : buffer;
      return new GradientBuffers(buffer, added, false);
    }
  }

  /** Returns these buffers, or frees them and makes those that are needed now. */
  GradientBuffers fit(Parameter parameter, GradientForm form) {
    boolean fits =
        parameter.spec().sparse()
            ? read.isPresent() == (form == GradientForm.DENSE_TABLES)
            : handedOver == (form == GradientForm.HANDED_OVER);
    if (fits) {
      return this;
    }
    close();
    return of(parameter, form);
  }

  /** What adds up the gradient of a table in these buffers, if its main gradient is dense. */
  Optional<TableGradient> table() {
    return read.map(rows -> new TableGradient(mainGradient, rows));
  }

  /** Says whether the main gradient is a tensor of its own. */
  boolean separate() {
    return Tensors.type(mainGradient) != Tensors.type(working);
  }

  /** Returns a sparse tensor like a table [rows, dim] that holds none of its rows. */
  private static Tensor noRows(Tensor table) {
    TensorOptions options =
        Tensors.like(table, Tensors.type(table)).layout(new LayoutOptional(Layout.Sparse));
    return torch.torch__sparse_coo_tensor_with_dims(1, 1, Tensors.sizes(table), options);
  }

  @Override
  public void close() {
    if (separate()) {
      mainGradient.close();
    }
    working.close();
    read.ifPresent(Tensor::close);
  }
}
