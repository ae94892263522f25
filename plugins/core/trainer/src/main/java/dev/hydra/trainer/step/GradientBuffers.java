package dev.hydra.trainer.step;

import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
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
 *     {@link Gradients#takeRows} takes, the main gradient
 * @param mainGradient what the optimizer sees, sparse for a table: in the master type, or the same
 *     tensor as the other where the types are equal or one backward is all that there is to add
 */
record GradientBuffers(Tensor working, Tensor mainGradient) implements AutoCloseable {
  /**
   * Creates the buffers, which are from now on the parameter's.
   *
   * @param main whether gradients are added up in the master type
   */
  static GradientBuffers of(Parameter parameter, boolean main) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      if (parameter.spec().sparse()) {
        Tensor rows = Scopes.own(noRows(parameter.master()));
        return new GradientBuffers(rows, rows);
      }
      Tensor buffer = Scopes.own(torch.zeros_like(parameter.working()));
      parameter.working().mutable_grad().put(buffer);
      return new GradientBuffers(buffer, buffer).fit(parameter, main);
    }
  }

  /** Returns these buffers, with a main gradient of its own made or freed as it is needed. */
  GradientBuffers fit(Parameter parameter, boolean main) {
    boolean needed = main && parameter.copied() && !parameter.spec().sparse();
    if (needed == separate()) {
      return this;
    }
    if (separate()) {
      mainGradient.close();
      return new GradientBuffers(working, working);
    }
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      return new GradientBuffers(working, Scopes.own(torch.zeros_like(parameter.master())));
    }
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
  }
}
