package dev.hydra.trainer;

import dev.hydra.composer.Parameter;
import dev.hydra.composer.ParameterStore;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Operators;
import dev.hydra.libtorch.Operators.Operator;
import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
import dev.hydra.optim.OptimizedParameter;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.LayoutOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.Layout;

/**
 * The gradients of a model's trainable parameters, in fixed buffers.
 *
 * <p>Backward adds to the buffers of the working copies. Where these are bfloat16, what they hold
 * is added to float32 buffers after every backward, so that accumulation over many backwards does
 * not lose what is small; the optimizer sees float32 only.
 *
 * <p>The buffer of a {@linkplain dev.hydra.api.ParameterSpec#table table} is sparse: it holds the
 * rows that backwards have touched, each once.
 */
final class Gradients implements AutoCloseable {
  private static final Operator ZERO = Operators.find("aten::_foreach_zero_", "");
  private static final Operator ADD = Operators.find("aten::_foreach_add_", "List");
  private static final Operator COPY = Operators.find("aten::_foreach_copy_", "");

  private final List<OptimizedParameter> optimized = new ArrayList<>();
  private final List<Tensor> dense = new ArrayList<>();
  private final List<Tensor> sparse = new ArrayList<>();
  private final List<Parameter> tables = new ArrayList<>();
  private final IValue denseBuffers;
  private final boolean copies;
  private final IValue workingBuffers;
  private final IValue preciseBuffers;
  private final IValue workingCopies;
  private final IValue masters;

  Gradients(ParameterStore store) {
    List<Tensor> working = new ArrayList<>();
    List<Tensor> precise = new ArrayList<>();
    List<Tensor> copiesOf = new ArrayList<>();
    List<Tensor> mastersOf = new ArrayList<>();
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      for (Parameter parameter : store.all()) {
        if (!parameter.spec().trainable()) {
          continue;
        }
        Tensor buffer =
            parameter.spec().sparse()
                ? keep(sparse, noRows(parameter.working()))
                : keep(dense, torch.zeros_like(parameter.working()));
        parameter.working().mutable_grad().put(buffer);
        if (parameter.spec().sparse()) {
          tables.add(parameter);
        }
        Tensor gradient = buffer;
        if (parameter.copied()) {
          gradient = keep(dense, torch.zeros_like(parameter.master()));
          working.add(buffer);
          precise.add(gradient);
          copiesOf.add(parameter.working());
          mastersOf.add(parameter.master());
        }
        optimized.add(
            new OptimizedParameter(
                parameter.name(), parameter.master(), gradient, parameter.spec().decay()));
      }
    }
    copies = !working.isEmpty();
    denseBuffers = Operators.list(dense);
    workingBuffers = Operators.list(working);
    preciseBuffers = Operators.list(precise);
    workingCopies = Operators.list(copiesOf);
    masters = Operators.list(mastersOf);
  }

  private static Tensor keep(List<Tensor> buffers, Tensor tensor) {
    Tensor handle = Scopes.own(tensor);
    buffers.add(handle);
    return handle;
  }

  /** A sparse tensor like a table [rows, dim] that holds none of its rows. */
  private static Tensor noRows(Tensor table) {
    TensorOptions options =
        Tensors.like(table, Tensors.type(table)).layout(new LayoutOptional(Layout.Sparse));
    return torch.torch__sparse_coo_tensor_with_dims(1, 1, Tensors.sizes(table), options);
  }

  /** What the optimizer works on. */
  List<OptimizedParameter> optimized() {
    return List.copyOf(optimized);
  }

  /** Before the first backward of a step. */
  void clear() {
    call(ZERO, denseBuffers);
    Scopes.run(() -> sparse.forEach(Tensor::zero_));
  }

  /**
   * After every backward.
   *
   * @throws IllegalStateException if a table was given a dense gradient
   */
  void collect() {
    if (copies) {
      call(ADD, preciseBuffers, workingBuffers, 1L);
      call(ZERO, workingBuffers);
    }
    Scopes.run(() -> tables.forEach(Gradients::unite));
  }

  /** Adds up the rows of a table's gradient that are the same: backward only appends rows. */
  private static void unite(Parameter table) {
    Tensor gradient = table.working().grad();
    if (!gradient.is_sparse()) {
      throw new IllegalStateException(
          "parameter "
              + table.name()
              + " is a table, but its gradient is dense; look its rows up by an operator with a"
              + " sparse gradient, or do not declare it as a table");
    }
    gradient.copy_(gradient.coalesce());
  }

  /** After the optimizer's step: the working copies follow their masters. */
  void publish() {
    if (copies) {
      call(COPY, workingCopies, masters, false);
    }
  }

  private static void call(Operator operator, Object... arguments) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      operator.call(arguments);
    }
  }

  @Override
  public void close() {
    for (IValue list :
        List.of(denseBuffers, workingBuffers, preciseBuffers, workingCopies, masters)) {
      list.close();
    }
    dense.forEach(Tensor::close);
    sparse.forEach(Tensor::close);
  }
}
