package dev.hydra.optim;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * What optimizers that are made of LibTorch's operators share. Learning rates, and whether a step
 * is made at all, are numbers on the parameters' device, so that a step can be captured in a CUDA
 * graph (but for sparse gradients). A step that is left out is made with a learning rate of zero
 * and a gradient of zero, and what is kept of averages then is all.
 */
abstract class OperatorOptimizer implements Optimizer {
  private final List<OptimizedParameter> parameters;
  private final Map<String, ParameterState> states = new LinkedHashMap<>();
  private final Function<OptimizedParameter, ParameterState> fresh;
  private final LearningRates learningRates;

  /**
   * Creates it.
   *
   * @param factor the learning rate of a parameter as a part of the optimizer's
   * @param known states of some of them, see {@link OptimizerContext}
   * @param fresh makes the state of a parameter before its first step
   */
  OperatorOptimizer(
      List<OptimizedParameter> parameters,
      ToDoubleFunction<OptimizedParameter> factor,
      Map<String, ParameterState> known,
      Function<OptimizedParameter, ParameterState> fresh) {
    this.parameters = List.copyOf(parameters);
    this.fresh = fresh;
    learningRates =
        new LearningRates(
            parameters.get(0).master(), parameters.stream().mapToDouble(factor).boxed().toList());
    for (OptimizedParameter parameter : parameters) {
      ParameterState own = known.get(parameter.name());
      states.put(parameter.name(), own == null ? fresh.apply(parameter) : own);
    }
  }

  /**
   * Changes all parameters once, without gradients being recorded.
   *
   * @param keep float32 without dimensions: 1 to make the step, 0 to leave everything as it is;
   *     null to make it
   */
  abstract void update(@Nullable Tensor keep);

  final List<OptimizedParameter> parameters() {
    return parameters;
  }

  final ParameterState state(OptimizedParameter parameter) {
    ParameterState own = states.get(parameter.name());
    if (own == null) {
      throw new IllegalArgumentException("there is no optimizer state of " + parameter.name());
    }
    return own;
  }

  /** Returns a learning rate as it is set, float32. */
  final Tensor rate(double factor) {
    return learningRates.of(factor);
  }

  /** Returns a learning rate in the type of the parameters; zero in a step that is left out. */
  final Tensor rate(double factor, @Nullable Tensor keep) {
    return cast(keep == null ? rate(factor) : rate(factor).mul(keep));
  }

  /** Returns a weight of new values in an average; zero in a step that is left out. */
  final Tensor weight(double value, @Nullable Tensor keep) {
    Tensor weight = Tensors.add(Tensors.zeros(parameters.get(0).master()), value);
    return keep == null ? weight : weight.mul(cast(keep));
  }

  private Tensor cast(Tensor number) {
    return Tensors.cast(number, Tensors.type(parameters.get(0).master()));
  }

  /** Returns a gradient, a sparse one of its rows only; zero in a step that is left out. */
  static Tensor gradient(OptimizedParameter parameter, @Nullable Tensor keep) {
    Tensor gradient = parameter.gradient();
    Tensor values = gradient.is_sparse() ? gradient.values() : gradient;
    return keep == null ? values : Tensors.maskedFill(values, keep.logical_not(), 0);
  }

  /**
   * Works on a parameter and on tensors of its shape, in place: on all of them or, of a table, on
   * the rows that were read. Those that a sparse gradient holds are taken out and put back; beside
   * a dense one, all rows are worked on, and those that were not read keep what they had.
   */
  static void onTouched(List<Tensor> whole, OptimizedParameter parameter, Work work) {
    if (!parameter.isTable()) {
      work.on(whole);
      return;
    }
    if (parameter.read().isPresent()) {
      Tensor read = parameter.read().get().unsqueeze(1);
      List<Tensor> changed = whole.stream().map(Tensor::clone).toList();
      work.on(changed);
      for (int i = 0; i < whole.size(); i++) {
        whole.get(i).copy_(torch.where(read, changed.get(i), whole.get(i)));
      }
      return;
    }
    Tensor rows = parameter.gradient().indices().select(0, 0);
    List<Tensor> touched = whole.stream().map(each -> each.index_select(0, rows)).toList();
    work.on(touched);
    for (int i = 0; i < whole.size(); i++) {
      whole.get(i).index_copy_(0, rows, touched.get(i));
    }
  }

  /** Changes tensors of one shape. */
  @FunctionalInterface
  interface Work {
    void on(List<Tensor> tensors);
  }

  @Override
  public void learningRate(double rate) {
    learningRates.set(rate);
  }

  @Override
  public void step() {
    try (Grad off = Grad.off();
        PointerScope scope = new PointerScope()) {
      update(null);
    }
  }

  @Override
  public void stepUnless(Tensor skip) {
    try (Grad off = Grad.off();
        PointerScope scope = new PointerScope()) {
      update(Tensors.add(skip.neg(), 1.0).to(ScalarType.Float));
    }
  }

  @Override
  public Map<String, ParameterState> states() {
    return Collections.unmodifiableMap(new LinkedHashMap<>(states)); // Map.copyOf has no order
  }

  @Override
  public ParameterState initialState(OptimizedParameter parameter) {
    return fresh.apply(parameter);
  }

  @Override
  public void release() {
    states.clear();
    close();
  }

  @Override
  public void close() {
    states.values().forEach(ParameterState::close);
    learningRates.close();
  }

  /** Returns a state of one tensor of zeros like a parameter. */
  static ParameterState zeros(String part, OptimizedParameter parameter) {
    try (PointerScope scope = new PointerScope()) {
      return new ParameterState(
          Map.of(part, Scopes.own(Tensors.zeros(parameter.master(), sizes(parameter)))));
    }
  }

  private static long[] sizes(OptimizedParameter parameter) {
    return Tensors.sizes(parameter.master());
  }
}
