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
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), through
 * LibTorch's fused operator: one call for the parameters that are treated alike, such as those with
 * decay and those without.
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

  private final Function<OptimizedParameter, Treatment> treatments;
  private final LearningRates learningRates;
  private final Map<String, ParameterState> states = new LinkedHashMap<>();
  private final IValue steps;
  private final Map<Treatment, FusedAdamW> groups = new LinkedHashMap<>();
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
  record Constants(double beta1, double beta2, double epsilon, double weightDecay) {
    /** Returns these with another weight decay. */
    Constants withWeightDecay(double other) {
      return new Constants(beta1, beta2, epsilon, other);
    }
  }

  /**
   * How one parameter is treated.
   *
   * @param constants its hyperparameters, without weight decay if it has none
   * @param rateFactor its learning rate as a part of the optimizer's
   */
  record Treatment(Constants constants, double rateFactor) {}

  /** Creates the optimizer of parameters with one treatment; see {@link OptimizerContext}. */
  AdamW(
      List<OptimizedParameter> parameters, Constants constants, Map<String, ParameterState> known) {
    this(
        parameters,
        each -> new Treatment(each.decay() ? constants : constants.withWeightDecay(0), 1),
        known);
  }

  /** Creates the optimizer; see {@link OptimizerContext}. */
  AdamW(
      List<OptimizedParameter> parameters,
      Function<OptimizedParameter, Treatment> treatments,
      Map<String, ParameterState> known) {
    this.treatments = treatments;
    learningRates =
        new LearningRates(
            parameters.get(0).master(),
            parameters.stream().map(each -> treatments.apply(each).rateFactor()).toList());
    for (OptimizedParameter parameter : parameters) {
      ParameterState own = known.get(parameter.name());
      states.put(parameter.name(), own == null ? initialState(parameter) : own);
    }
    tables = parameters.stream().filter(p -> p.gradient().is_sparse()).toList();
    dense = parameters.stream().filter(p -> !p.gradient().is_sparse()).toList();
    steps = steps(parameters);
    dense.stream()
        .collect(Collectors.groupingBy(treatments, LinkedHashMap::new, Collectors.toList()))
        .forEach(
            (treatment, members) ->
                groups.put(
                    treatment,
                    FusedAdamW.of(
                        members.stream().map(this::member).toList(), treatment.constants())));
  }

  private IValue steps(List<OptimizedParameter> of) {
    return Operators.list(of.stream().map(each -> momentsOf(each.name()).step()).toList());
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
    learningRates.set(rate);
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
    groups.forEach(
        (treatment, group) -> group.update(learningRates.of(treatment.rateFactor()), skip));
    tables.forEach(table -> Scopes.run(() -> updateRows(table, skip)));
  }

  @Override
  public Optional<FusedUpdate> fused(double maxNorm) {
    List<OptimizedParameter> all = Stream.concat(dense.stream(), tables.stream()).toList();
    List<Treatment> different =
        all.stream()
            .map(treatments)
            .map(each -> new Treatment(each.constants().withWeightDecay(0), each.rateFactor()))
            .distinct()
            .toList();
    if (dense.isEmpty() || different.size() > 1) {
      return Optional.empty();
    }
    List<ParameterRecords.Member> members =
        all.stream()
            .map(
                each ->
                    new ParameterRecords.Member(
                        each,
                        momentsOf(each.name()),
                        treatments.apply(each).constants().weightDecay()))
            .toList();
    Treatment common = different.get(0);
    return AdamWKernels.of(dense.get(0).master())
        .map(
            kernels ->
                new AdamWUpdate(
                    kernels,
                    members,
                    dense.size(),
                    common.constants(),
                    learningRates.of(common.rateFactor()),
                    maxNorm));
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
    Treatment treatment = treatments.apply(parameter);
    try (FusedAdamW update = FusedAdamW.of(List.of(touched), treatment.constants())) {
      update.update(learningRates.of(treatment.rateFactor()), skip);
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
    groups.values().forEach(FusedAdamW::close);
    steps.close();
    states.values().forEach(ParameterState::close);
    learningRates.close();
  }
}
