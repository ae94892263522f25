package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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
 * <p>Of a table only the rows that were read change, and only their moments ("lazy" Adam): a row
 * that no step touches rests, where dense Adam would move it on by its old moments. The moments are
 * tables as large as the parameter; time and further memory go with the rows touched, or with all
 * rows where the gradient is dense. A step over a sparse gradient cannot be captured.
 */
final class AdamW extends OperatorOptimizer {
  private static final Operator COUNT = Operators.find("aten::_foreach_add_", "Scalar");
  private static final Operator COUNT_BY = Operators.find("aten::_foreach_add_", "Tensor");

  private final Function<OptimizedParameter, Treatment> treatments;
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
  record Treatment(Constants constants, double rateFactor) {
    /** Returns what has to be the same for all parameters that kernels update together. */
    Treatment withoutDecay() {
      return new Treatment(constants.withWeightDecay(0), rateFactor);
    }
  }

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
    super(parameters, each -> treatments.apply(each).rateFactor(), known, AdamW::initial);
    this.treatments = treatments;
    tables = parameters.stream().filter(OptimizedParameter::isTable).toList();
    dense = parameters.stream().filter(each -> !each.isTable()).toList();
    steps = Operators.list(parameters.stream().map(each -> moments(each).step()).toList());
    dense.stream()
        .collect(Collectors.groupingBy(treatments, LinkedHashMap::new, Collectors.toList()))
        .forEach(
            (treatment, members) ->
                groups.put(
                    treatment,
                    FusedAdamW.of(
                        members.stream().map(this::member).toList(), treatment.constants())));
  }

  /** Makes the state of a parameter before its first step. */
  static ParameterState initial(OptimizedParameter parameter) {
    return Moments.zeros(parameter.master(), Tensors.type(parameter.master())).state();
  }

  private FusedAdamW.Member member(OptimizedParameter parameter) {
    return new FusedAdamW.Member(parameter.master(), parameter.gradient(), moments(parameter));
  }

  private Moments moments(OptimizedParameter parameter) {
    return Moments.of(state(parameter));
  }

  @Override
  void update(@Nullable Tensor keep) {
    if (keep == null) {
      COUNT.call(steps, 1.0);
    } else {
      COUNT_BY.call(steps, keep, 1.0);
    }
    Tensor skip = keep == null ? null : Tensors.add(keep.neg(), 1.0);
    groups.forEach((treatment, group) -> group.update(rate(treatment.rateFactor()), skip));
    tables.forEach(table -> Scopes.run(() -> updateRows(table, skip)));
  }

  @Override
  public Optional<FusedUpdate> fused(double maxNorm) {
    List<OptimizedParameter> all = Stream.concat(dense.stream(), tables.stream()).toList();
    List<Treatment> different =
        all.stream().map(treatments).map(Treatment::withoutDecay).distinct().toList();
    if (dense.isEmpty() || different.size() > 1) {
      return Optional.empty();
    }
    List<ParameterRecords.Member> members =
        all.stream()
            .map(
                each ->
                    new ParameterRecords.Member(
                        each, moments(each), treatments.apply(each).constants().weightDecay()))
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
                    rate(common.rateFactor()),
                    maxNorm));
  }

  /** Updates only the rows of a table that were read. */
  private void updateRows(OptimizedParameter parameter, @Nullable Tensor skip) {
    Treatment treatment = treatments.apply(parameter);
    Moments whole = moments(parameter);
    onTouched(
        List.of(parameter.master(), whole.average(), whole.square()),
        parameter,
        rows -> {
          FusedAdamW.Member touched =
              new FusedAdamW.Member(
                  rows.get(0),
                  gradient(parameter, null),
                  new Moments(whole.step(), rows.get(1), rows.get(2)));
          try (FusedAdamW update = FusedAdamW.of(List.of(touched), treatment.constants())) {
            update.update(rate(treatment.rateFactor()), skip);
          }
        });
  }

  @Override
  public void close() {
    groups.values().forEach(FusedAdamW::close);
    steps.close();
    super.close();
  }
}
