package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * {@link AdamW} that keeps its moments in bfloat16 and rounds them stochastically: rounded to the
 * nearest, a square's average near its end would not move at all, as a step changes it by less than
 * half a unit of its last place.
 */
final class HalfMomentsAdamW extends OperatorOptimizer {
  private final Function<OptimizedParameter, AdamW.Treatment> treatments;
  private final long seed;

  /**
   * Creates the optimizer; see {@link OptimizerContext}.
   *
   * @param seed of the rounding
   */
  HalfMomentsAdamW(
      List<OptimizedParameter> parameters,
      Function<OptimizedParameter, AdamW.Treatment> treatments,
      long seed,
      Map<String, ParameterState> known) {
    super(
        parameters,
        each -> treatments.apply(each).rateFactor(),
        known,
        each -> Moments.zeros(each.master(), ScalarType.BFloat16).state());
    this.treatments = treatments;
    this.seed = seed;
  }

  @Override
  void update(@Nullable Tensor keep) {
    parameters().forEach(each -> Scopes.run(() -> update(each, keep)));
  }

  private void update(OptimizedParameter parameter, @Nullable Tensor keep) {
    AdamW.Treatment by = treatments.apply(parameter);
    Tensor gradient = gradient(parameter, keep);
    Tensor rate = rate(by.rateFactor(), keep);
    Moments moments = Moments.of(state(parameter));
    Tensor step = moments.step();
    if (keep == null) {
      step.add_(new Scalar(1.0));
    } else {
      step.add_(keep);
    }
    Tensor drawn = new StochasticRounding(seed, parameter.name()).draw(step, numbers(parameter));
    onTouched(
        List.of(parameter.master(), moments.average(), moments.square()),
        parameter,
        tensors -> update(tensors, gradient, by.constants(), rate, step, drawn, keep));
  }

  /** The numbers of the elements that a step touches. */
  private static Tensor numbers(OptimizedParameter parameter) {
    Tensor master = parameter.master();
    if (!parameter.gradient().is_sparse()) {
      return StochasticRounding.numbers(master);
    }
    Tensor rows = parameter.gradient().indices().select(0, 0).unsqueeze(1);
    return Tensors.mul(rows, master.size(1)).add(Tensors.range(0, master.size(1), master));
  }

  private void update(
      List<Tensor> tensors,
      Tensor gradient,
      AdamW.Constants by,
      Tensor rate,
      Tensor step,
      Tensor drawn,
      @Nullable Tensor keep) {
    Tensor value = tensors.get(0);
    ScalarType type = Tensors.type(value);
    Tensor average = tensors.get(1).to(type).lerp(gradient, weight(1 - by.beta1(), null));
    Tensor square =
        Tensors.mul(tensors.get(2).to(type), by.beta2())
            .add_(Tensors.mul(gradient.square(), 1 - by.beta2()));
    Tensor root = square.div(correction(by.beta2(), step, type)).sqrt();
    Tensor direction =
        average.div(correction(by.beta1(), step, type)).div(Tensors.add(root, by.epsilon()));
    value.mul_(Tensors.add(Tensors.mul(rate, -by.weightDecay()), 1));
    value.sub_(direction.mul(rate));
    store(tensors.get(1), StochasticRounding.round(single(average), drawn, false), keep);
    store(tensors.get(2), StochasticRounding.round(single(square), drawn, true), keep);
  }

  private static Tensor single(Tensor value) {
    return Tensors.cast(value, ScalarType.Float);
  }

  /** Computes {@code 1 - beta^step}, in float64 as it loses bits near 1. */
  private static Tensor correction(double beta, Tensor step, ScalarType type) {
    Tensor steps = step.to(ScalarType.Double).clamp_min(new Scalar(1.0)); // 0 if it is left out
    return Tensors.add(torch.pow(new Scalar(beta), steps).neg(), 1).to(type);
  }

  private static void store(Tensor to, Tensor value, @Nullable Tensor keep) {
    to.copy_(keep == null ? value : torch.where(keep.to(ScalarType.Bool), value, to));
  }
}
