package dev.hydra.trainer.step;

import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.ParameterStore;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.TableGradient;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The gradients of a model's trainable parameters.
 *
 * <p>Backward adds to the buffers of the working copies. Where these are bfloat16, what they hold
 * is added to float32 main gradients after every backward, so that accumulation over many backwards
 * does not lose what is small; the optimizer sees float32 only. Where a step has one backward and
 * the optimizer takes bfloat16, there are no buffers: backward hands its gradients over, each is
 * there from when it is known to the update.
 *
 * <p>What a backward leaves of the gradient of a {@linkplain dev.hydra.api.ParameterSpec#table
 * table} is sparse. It is taken and added after each, to a dense main gradient beside which stands
 * which rows were read; or, by the host, to a sparse one of these rows, each once.
 */
final class Gradients implements AutoCloseable {
  private static final Operator ZERO = Operators.find("aten::_foreach_zero_", "");
  private static final Operator ADD = Operators.find("aten::_foreach_add_", "List");
  private static final Operator COPY = Operators.find("aten::_foreach_copy_", "");

  private final List<OptimizedParameter> optimized = new ArrayList<>();
  private final Map<String, GradientBuffers> buffers = new LinkedHashMap<>();
  private final List<Tensor> sparse = new ArrayList<>();
  private final List<Parameter> tables = new ArrayList<>();
  private final List<DenseTable> denseTables = new ArrayList<>();
  private final List<Parameter> handedOver = new ArrayList<>();
  private final List<IValue> denseBuffers;
  private final boolean copies;
  private final boolean separate;
  private final IValue workingBuffers;
  private final IValue mainGradients;
  private final IValue workingCopies;
  private final IValue masters;

  /** A table whose main gradient is dense. */
  private record DenseTable(Parameter parameter, TableGradient gradient) {
    /** Adds what a backward has left of it, and takes that away. */
    void collect() {
      Tensor left = parameter.working().grad();
      if (left.defined()) {
        check(parameter, left);
        gradient.add(left);
        detach(parameter);
      }
    }
  }

  /** Creates buffers for the trainable parameters of a store. */
  Gradients(ParameterStore store, GradientForm form) {
    this(store, Map.of(), form);
  }

  /**
   * Takes buffers that are there already, by the names of parameters; owns them.
   *
   * @param form that of all gradients, into which known ones are brought
   */
  Gradients(ParameterStore store, Map<String, GradientBuffers> known, GradientForm form) {
    List<Tensor> dense = new ArrayList<>();
    List<Tensor> working = new ArrayList<>();
    List<Tensor> mainOf = new ArrayList<>();
    List<Tensor> copiesOf = new ArrayList<>();
    List<Tensor> mastersOf = new ArrayList<>();
    for (Parameter parameter : store.all()) {
      if (!parameter.trained()) {
        continue;
      }
      GradientBuffers own = known.get(parameter.name());
      own = own == null ? GradientBuffers.of(parameter, form) : own.fit(parameter, form);
      buffers.put(parameter.name(), own);
      if (own.table().isPresent()) {
        TableGradient gradient = own.table().get();
        dense.addAll(List.of(gradient.sum(), gradient.read()));
        denseTables.add(new DenseTable(parameter, gradient));
      } else if (parameter.spec().sparse()) {
        sparse.add(own.mainGradient());
        tables.add(parameter);
      } else if (own.handedOver()) {
        handedOver.add(parameter);
      } else {
        dense.add(own.working());
      }
      if (own.separate()) {
        dense.add(own.mainGradient());
        working.add(own.working());
        mainOf.add(own.mainGradient());
      }
      if (parameter.copied()) {
        copiesOf.add(parameter.working());
        mastersOf.add(parameter.master());
      }
      optimized.add(optimized(parameter, own));
    }
    copies = !copiesOf.isEmpty();
    separate = !working.isEmpty();
    // By type: LibTorch goes through a list of several types tensor by tensor.
    denseBuffers =
        dense.stream()
            .collect(Collectors.groupingBy(Tensors::type, LinkedHashMap::new, Collectors.toList()))
            .values()
            .stream()
            .map(Operators::list)
            .toList();
    workingBuffers = Operators.list(working);
    mainGradients = Operators.list(mainOf);
    workingCopies = Operators.list(copiesOf);
    masters = Operators.list(mastersOf);
  }

  /** Returns a parameter with its gradient, as the optimizer sees it. */
  static OptimizedParameter optimized(Parameter parameter, GradientBuffers buffers) {
    return new OptimizedParameter(
        parameter.name(),
        parameter.master(),
        buffers.mainGradient(),
        parameter.copied() ? Optional.of(parameter.working()) : Optional.empty(),
        parameter.spec().decay(),
        buffers.read());
  }

  /** Returns the parameters that the optimizer works on. */
  List<OptimizedParameter> optimized() {
    return List.copyOf(optimized);
  }

  /** Zeroes all gradients but sparse ones, before the first backward of a step. */
  void clear() {
    denseBuffers.forEach(buffers -> call(ZERO, buffers));
    Scopes.run(
        () -> {
          handedOver.forEach(Gradients::detach); // of a step that has failed
          denseTables.forEach(each -> detach(each.parameter()));
        });
  }

  /**
   * Empties sparse gradients of tables, before the first backward of a step. That is the host's
   * work: how many rows a sparse tensor has is not on the device.
   */
  void clearTables() {
    Scopes.run(
        () -> {
          sparse.forEach(Tensor::zero_);
          tables.forEach(Gradients::detach); // of a step that has failed
        });
  }

  /** Adds what a backward has left to the main gradients but sparse ones: after each backward. */
  void collect() {
    if (separate) {
      call(ADD, mainGradients, workingBuffers, 1L);
      call(ZERO, workingBuffers);
    }
    Scopes.run(() -> denseTables.forEach(DenseTable::collect));
  }

  /** The gradient of a parameter that one backward has left; of a table, rows as they were made. */
  record HandedOver(String parameter, Tensor gradient) implements AutoCloseable {
    /** Returns those of tables by the names of parameters. */
    static Map<String, Tensor> tables(List<HandedOver> all) {
      return byName(all.stream().filter(each -> each.gradient().is_sparse()));
    }

    /** Returns those of other parameters by their names. */
    static Map<String, Tensor> dense(List<HandedOver> all) {
      return byName(all.stream().filter(each -> !each.gradient().is_sparse()));
    }

    private static Map<String, Tensor> byName(Stream<HandedOver> of) {
      return of.collect(Collectors.toMap(HandedOver::parameter, HandedOver::gradient));
    }

    @Override
    public void close() {
      gradient.close();
    }
  }

  /**
   * Takes what a backward has left that {@link #collect} does not add; owned by the caller. A table
   * that was not read has none; any other parameter that was not used has zeros.
   *
   * @throws IllegalStateException if a table was given a dense gradient
   */
  List<HandedOver> take() {
    List<HandedOver> all = new ArrayList<>();
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      for (Parameter table : tables) {
        Tensor gradient = table.working().grad();
        if (gradient.defined()) {
          check(table, gradient);
          all.add(taken(table, gradient));
        }
      }
      for (Parameter parameter : handedOver) {
        Tensor gradient = parameter.working().grad();
        all.add(
            taken(
                parameter, gradient.defined() ? gradient : torch.zeros_like(parameter.working())));
      }
    }
    return all;
  }

  private static HandedOver taken(Parameter parameter, Tensor gradient) {
    HandedOver taken = new HandedOver(parameter.name(), Scopes.own(gradient));
    detach(parameter);
    return taken;
  }

  private static void check(Parameter table, Tensor gradient) {
    if (!gradient.is_sparse()) {
      throw new IllegalStateException(
          "parameter "
              + table.name()
              + " is a table, but its gradient is dense; look its rows up by an operator with a"
              + " sparse gradient, or do not declare it as a table");
    }
  }

  /** Leaves a parameter without a gradient: backward hands over the next instead of adding it. */
  private static void detach(Parameter parameter) {
    parameter.working().mutable_grad().reset();
  }

  /** Adds rows to sparse main gradients, each row once. On a GPU this waits for their number. */
  void addRows(Map<String, Tensor> rowsOfTables) {
    rowsOfTables.forEach(
        (table, rows) ->
            Scopes.run(
                () -> {
                  Tensor main = mainGradient(table);
                  boolean first = main.values().size(0) == 0;
                  main.copy_((first ? rows : main.add(rows)).coalesce());
                }));
  }

  /** Returns the sparse main gradients, by the names of parameters. */
  Map<String, Tensor> sparse() {
    Map<String, Tensor> all = new LinkedHashMap<>();
    tables.forEach(table -> all.put(table.name(), mainGradient(table.name())));
    return all;
  }

  private Tensor mainGradient(String parameter) {
    GradientBuffers own = buffers.get(parameter);
    if (own == null) {
      throw new IllegalStateException("there is no gradient of " + parameter);
    }
    return own.mainGradient();
  }

  /** Says whether there are gradients that backward hands over. */
  boolean handsOver() {
    return !handedOver.isEmpty();
  }

  /** Says whether there are sparse gradients. */
  boolean hasSparse() {
    return !tables.isEmpty();
  }

  /** Copies masters to their working copies, after the optimizer's step. */
  void syncWorkingCopies() {
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

  /** Returns the buffers by the names of parameters. */
  Map<String, GradientBuffers> buffers() {
    return Collections.unmodifiableMap(new LinkedHashMap<>(buffers));
  }

  /** Closes these gradients but not their buffers, for others to go on with. */
  void release() {
    buffers.clear();
    close();
  }

  @Override
  public void close() {
    denseBuffers.forEach(IValue::close);
    for (IValue list : List.of(workingBuffers, mainGradients, workingCopies, masters)) {
      list.close();
    }
    buffers.values().forEach(GradientBuffers::close);
  }
}
