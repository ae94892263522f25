package dev.hydra.optim;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * An optimizer that keeps an exponential moving average of the parameters as a part of their
 * states, so that checkpoints have it and it follows its parameter where a model changes. The decay
 * of a parameter's n-th step is {@code min(decay, (n - 1) / (n + 8))}: the first step copies it,
 * and the average soon forgets where it began.
 */
final class AveragingOptimizer implements Optimizer {
  private static final String COUNT = "ema_step";
  private static final double WARM_UP = 9;

  private final Optimizer inner;
  private final List<OptimizedParameter> parameters;
  private final Map<String, ParameterState> averages = new LinkedHashMap<>();
  private final double decay;

  /**
   * Takes an optimizer of some parameters; owns it.
   *
   * @param known states of some of them, see {@link OptimizerContext}
   */
  AveragingOptimizer(
      Optimizer inner,
      List<OptimizedParameter> parameters,
      double decay,
      Map<String, ParameterState> known) {
    this.inner = inner;
    this.parameters = List.copyOf(parameters);
    this.decay = decay;
    for (OptimizedParameter parameter : parameters) {
      ParameterState own = known.get(parameter.name());
      averages.put(
          parameter.name(),
          own == null ? fresh(parameter) : state(own.get(COUNT), own.get(ParameterState.EMA)));
    }
  }

  /** Returns states without the averages, for the optimizer itself. */
  static Map<String, ParameterState> without(Map<String, ParameterState> states) {
    Map<String, ParameterState> all = new LinkedHashMap<>();
    states.forEach(
        (name, state) -> {
          Map<String, Tensor> tensors = new LinkedHashMap<>(state.tensors());
          tensors.remove(COUNT);
          tensors.remove(ParameterState.EMA);
          all.put(name, new ParameterState(tensors));
        });
    return all;
  }

  private static ParameterState fresh(OptimizedParameter parameter) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      return state(
          Scopes.own(Tensors.zeros(parameter.master())), Scopes.own(parameter.master().clone()));
    }
  }

  private static ParameterState state(Tensor count, Tensor average) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(COUNT, count);
    tensors.put(ParameterState.EMA, average);
    return new ParameterState(tensors);
  }

  private static ParameterState both(ParameterState one, ParameterState other) {
    Map<String, Tensor> tensors = new LinkedHashMap<>(one.tensors());
    tensors.putAll(other.tensors());
    return new ParameterState(tensors);
  }

  /** Moves the averages towards the parameters; not if skip, on the device, is 1. */
  private void average(@Nullable Tensor skip) {
    try (Grad off = Grad.off();
        PointerScope scope = new PointerScope()) {
      parameters.forEach(each -> Scopes.run(() -> average(each, skip)));
    }
  }

  private void average(OptimizedParameter parameter, @Nullable Tensor skip) {
    ParameterState own = averages.get(parameter.name());
    if (own == null) {
      throw new IllegalStateException("there is no average of " + parameter.name());
    }
    Tensor count = own.get(COUNT);
    Tensor keep = Tensors.add(Tensors.zeros(count), 1);
    if (skip != null) {
      keep = keep.sub(skip.to(Tensors.type(count)));
    }
    count.add_(keep);
    Tensor warming = Tensors.mul(Tensors.add(count, WARM_UP - 1).reciprocal(), WARM_UP);
    Tensor weight = warming.clamp_min(new Scalar(1 - decay)).mul(keep);
    own.get(ParameterState.EMA).lerp_(parameter.master(), weight);
  }

  @Override
  public void learningRate(double rate) {
    inner.learningRate(rate);
  }

  @Override
  public void step() {
    inner.step();
    average(null);
  }

  @Override
  public void stepUnless(Tensor skip) {
    inner.stepUnless(skip);
    average(skip);
  }

  @Override
  public Optional<FusedUpdate> fused(double maxNorm) {
    return inner.fused(maxNorm).map(Averaging::new);
  }

  /** A fused update, and the averages after it. */
  private final class Averaging implements FusedUpdate {
    private final FusedUpdate update;

    Averaging(FusedUpdate update) {
      this.update = update;
    }

    @Override
    public void gradients(Map<String, Tensor> dense) {
      update.gradients(dense);
    }

    @Override
    public Tensor norm(Map<String, Tensor> tables) {
      return update.norm(tables);
    }

    @Override
    public void step(Tensor skip) {
      update.step(skip);
      average(skip);
    }

    @Override
    public void close() {
      update.close();
    }
  }

  @Override
  public Map<String, ParameterState> states() {
    Map<String, ParameterState> all = new LinkedHashMap<>();
    inner
        .states()
        .forEach(
            (name, state) -> {
              ParameterState own = averages.get(name);
              all.put(name, own == null ? state : both(state, own));
            });
    return Collections.unmodifiableMap(all);
  }

  @Override
  public ParameterState initialState(OptimizedParameter parameter) {
    return both(inner.initialState(parameter), fresh(parameter));
  }

  @Override
  public void release() {
    inner.release();
    averages.clear();
  }

  @Override
  public void close() {
    inner.close();
    averages.values().forEach(ParameterState::close);
  }
}
