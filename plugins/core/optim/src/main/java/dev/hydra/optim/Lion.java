package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Steps by the sign of an average of gradients (Chen et al., Symbolic Discovery of Optimization
 * Algorithms, arXiv 2302.06675, algorithm 2). Of a table only the rows that were read change, and
 * only their averages.
 */
final class Lion extends OperatorOptimizer {
  private static final String AVERAGE = "exp_avg";

  private final Function<OptimizedParameter, Treatment> treatments;

  /**
   * How one parameter is treated.
   *
   * @param beta1 how much of the average goes into a step's direction, in [0, 1)
   * @param beta2 how much of the average a step keeps, in [0, 1)
   * @param weightDecay the part of the parameter that a step takes away, times the learning rate
   * @param rateFactor its learning rate as a part of the optimizer's
   */
  record Treatment(double beta1, double beta2, double weightDecay, double rateFactor) {}

  /** Creates the optimizer; see {@link OptimizerContext}. */
  Lion(
      List<OptimizedParameter> parameters,
      Function<OptimizedParameter, Treatment> treatments,
      Map<String, ParameterState> known) {
    super(
        parameters,
        each -> treatments.apply(each).rateFactor(),
        known,
        each -> zeros(AVERAGE, each));
    this.treatments = treatments;
  }

  @Override
  void update(@Nullable Tensor keep) {
    parameters().forEach(each -> Scopes.run(() -> update(each, keep)));
  }

  private void update(OptimizedParameter parameter, @Nullable Tensor keep) {
    Treatment by = treatments.apply(parameter);
    Tensor gradient = gradient(parameter, keep);
    Tensor rate = rate(by.rateFactor(), keep);
    onTouched(
        List.of(parameter.master(), state(parameter).get(AVERAGE)),
        parameter,
        tensors -> {
          Tensor value = tensors.get(0);
          Tensor average = tensors.get(1);
          Tensor direction = average.lerp(gradient, weight(1 - by.beta1(), null)).sign();
          value.mul_(Tensors.add(Tensors.mul(rate, -by.weightDecay()), 1));
          value.sub_(direction.mul(rate));
          average.lerp_(gradient, weight(1 - by.beta2(), keep));
        });
  }
}
