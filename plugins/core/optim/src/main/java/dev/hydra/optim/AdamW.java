package dev.hydra.optim;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), through
 * LibTorch's fused operator: one call for the parameters with decay and one for those without.
 *
 * <p>The learning rate and the step counts are tensors on the parameters' device. A CUDA graph that
 * has captured {@link #stepUnless} therefore sees what {@link #learningRate} sets between replays.
 * Every parameter counts its own steps, so one that joins later starts with its own bias
 * correction.
 *
 * <p>Of a parameter with a sparse gradient only the rows that the gradient holds change, and only
 * their moments ("lazy" Adam): a row that no step touches rests, where dense Adam would move it on
 * by its old moments. The moments are tables as large as the parameter; time and further memory go
 * with the rows touched. Such a step cannot be captured.
 */
final class AdamW implements Optimizer {
  private static final Operator COUNT = Operators.find("aten::_foreach_add_", "Scalar");
  private static final Operator COUNT_BY = Operators.find("aten::_foreach_add_", "Tensor");

  private final Constants constants;
  private final Tensor learningRate;
  private final Map<String, ParameterState> states = new LinkedHashMap<>();
  private final IValue steps;
  private final List<FusedAdamW> groups;
  private final List<OptimizedParameter> dense;
  private final List<OptimizedParameter> tables;

  /**
   * The hyperparameters that stay the same from step to step.
   *
   * @param beta1 how much of the gradients' running average a step keeps, in [0, 1)
   * @param beta2 how much of the squared gradients' running average a step keeps, in [0, 1)
   * @param epsilon added to the root of the squares' average
   * @param weightDecay the part of a parameter that a step takes away, times the learning rate
   */
  record Constants(double beta1, double beta2, double epsilon, double weightDecay) {}

  /** Creates the optimizer; see {@link OptimizerContext}. */
  AdamW(
      List<OptimizedParameter> parameters, Constants constants, Map<String, ParameterState> known) {
    this.constants = constants;
    try (PointerScope scope = new PointerScope()) {
      learningRate = Scopes.own(Tensors.zeros(parameters.get(0).master(), ScalarType.Float));
    }
    for (OptimizedParameter parameter : parameters) {
      ParameterState own = known.get(parameter.name());
      states.put(parameter.name(), own == null ? initialState(parameter) : own);
    }
    tables = parameters.stream().filter(p -> p.gradient().is_sparse()).toList();
    dense = parameters.stream().filter(p -> !p.gradient().is_sparse()).toList();
    steps = steps(parameters);
    groups =
        Stream.of(true, false)
            .map(decay -> dense.stream().filter(p -> p.decay() == decay).toList())
            .filter(members -> !members.isEmpty())
            .map(this::group)
            .toList();
  }

  private IValue steps(List<OptimizedParameter> of) {
    return Operators.list(of.stream().map(each -> momentsOf(each.name()).step()).toList());
  }

  private FusedAdamW group(List<OptimizedParameter> members) {
    return FusedAdamW.of(
        members.stream().map(this::member).toList(), members.get(0).decay(), constants);
  }

  private FusedAdamW.Member member(OptimizedParameter parameter) {
    return new FusedAdamW.Member(
        parameter.master(), parameter.gradient(), momentsOf(parameter.name()));
  }

  private Moments momentsOf(String name) {
    ParameterState own = states.get(name);
    if (own == null) {
      throw new IllegalArgumentException("there is no optimizer state of " + name);
    }
    return Moments.of(own);
  }

  @Override
  public void learningRate(double rate) {
    try (PointerScope scope = new PointerScope()) {
      learningRate.fill_(new Scalar(rate));
    }
  }

  @Override
  public void step() {
    try (Grad off = Grad.off();
        PointerScope scope = new PointerScope()) {
      COUNT.call(steps, 1.0);
      update(null);
    }
  }

  @Override
  public void stepUnless(Tensor skip) {
    try (Grad off = Grad.off();
        PointerScope scope = new PointerScope()) {
      COUNT_BY.call(steps, Tensors.add(skip.neg(), 1.0), 1.0);
      update(skip);
    }
  }

  private void update(@Nullable Tensor skip) {
    groups.forEach(group -> group.update(learningRate, skip));
    tables.forEach(table -> Scopes.run(() -> updateRows(table, skip)));
  }

  @Override
  public Optional<FusedUpdate> fused(double maxNorm) {
    List<ParameterRecords.Member> members =
        Stream.concat(dense.stream(), tables.stream())
            .map(
                each ->
                    new ParameterRecords.Member(
                        each, momentsOf(each.name()), each.decay() ? constants.weightDecay() : 0))
            .toList();
    return dense.isEmpty()
        ? Optional.empty()
        : AdamWKernels.of(dense.get(0).master())
            .map(
                kernels ->
                    new AdamWUpdate(
                        kernels, members, dense.size(), constants, learningRate, maxNorm));
  }

  /** Updates only the rows that a sparse gradient holds, taken out and put back. */
  private void updateRows(OptimizedParameter parameter, @Nullable Tensor skip) {
    FusedAdamW.Member table = member(parameter);
    Tensor rows = table.gradient().indices().select(0, 0);
    FusedAdamW.Member touched =
        new FusedAdamW.Member(
            table.master().index_select(0, rows),
            table.gradient().values(),
            new Moments(
                table.moments().step(),
                table.moments().average().index_select(0, rows),
                table.moments().square().index_select(0, rows)));
    try (FusedAdamW update = FusedAdamW.of(List.of(touched), parameter.decay(), constants)) {
      update.update(learningRate, skip);
    }
    table.master().index_copy_(0, rows, touched.master());
    table.moments().average().index_copy_(0, rows, touched.moments().average());
    table.moments().square().index_copy_(0, rows, touched.moments().square());
  }

  @Override
  public Map<String, ParameterState> states() {
    return Collections.unmodifiableMap(new LinkedHashMap<>(states)); // Map.copyOf has no order
  }

  @Override
  public ParameterState initialState(OptimizedParameter parameter) {
    return Moments.zeros(parameter.master()).state();
  }

  @Override
  public void release() {
    states.clear();
    close();
  }

  @Override
  public void close() {
    groups.forEach(FusedAdamW::close);
    steps.close();
    states.values().forEach(ParameterState::close);
    learningRate.close();
  }
}
