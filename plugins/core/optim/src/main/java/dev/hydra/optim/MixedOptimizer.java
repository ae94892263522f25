package dev.hydra.optim;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/** Optimizers of different parameters, as one. */
final class MixedOptimizer implements Optimizer {
  private final List<Optimizer> parts;
  private final List<String> order;
  private final Function<OptimizedParameter, ParameterState> fresh;

  /**
   * Takes optimizers, at least one; owns them.
   *
   * @param parameters those of all of them
   * @param fresh makes the state of a parameter before its first step
   */
  MixedOptimizer(
      List<Optimizer> parts,
      List<OptimizedParameter> parameters,
      Function<OptimizedParameter, ParameterState> fresh) {
    this.parts = new ArrayList<>(parts);
    this.order = parameters.stream().map(OptimizedParameter::name).toList();
    this.fresh = fresh;
  }

  @Override
  public void learningRate(double rate) {
    parts.forEach(each -> each.learningRate(rate));
  }

  @Override
  public void step() {
    parts.forEach(Optimizer::step);
  }

  @Override
  public void stepUnless(Tensor skip) {
    parts.forEach(each -> each.stepUnless(skip));
  }

  @Override
  public Map<String, ParameterState> states() {
    Map<String, ParameterState> all = new LinkedHashMap<>();
    parts.forEach(each -> all.putAll(each.states()));
    Map<String, ParameterState> ordered = new LinkedHashMap<>();
    for (String name : order) {
      ParameterState own = all.get(name);
      if (own != null) { // else it is released
        ordered.put(name, own);
      }
    }
    return Collections.unmodifiableMap(ordered);
  }

  @Override
  public ParameterState initialState(OptimizedParameter parameter) {
    return fresh.apply(parameter);
  }

  @Override
  public void release() {
    parts.forEach(Optimizer::release);
  }

  @Override
  public void close() {
    parts.forEach(Optimizer::close);
  }
}
