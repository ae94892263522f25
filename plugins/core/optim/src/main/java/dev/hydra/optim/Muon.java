package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Momentum whose steps are made {@link Orthogonal} (Jordan et al., "Muon: An optimizer for hidden
 * layers in neural networks", 2024; Liu et al., "Muon is Scalable for LLM Training", arXiv
 * 2502.16982), with decoupled weight decay. For matrices, and stacks of matrices, of which each is
 * treated on its own. Matrices of one shape are multiplied together.
 */
final class Muon extends OperatorOptimizer {
  /** The state that it keeps for each parameter, of its shape. */
  private static final String MOMENTUM = "momentum_buffer";

  /** Elements that are made orthogonal together, unless a single parameter has more. */
  private static final long TOGETHER = 1L << 25;

  private final List<Bundle> bundles;

  /** How large a step is, its learning rate aside. */
  enum Scale {
    /** {@code 0.2 sqrt(max(rows, columns))}: like steps of AdamW, whose learning rates do then. */
    MATCH_ADAMW {
      @Override
      double of(long rows, long columns) {
        return 0.2 * Math.sqrt(Math.max(rows, columns));
      }
    },
    /** {@code sqrt(max(1, rows / columns))}, as first published. */
    ORIGINAL {
      @Override
      double of(long rows, long columns) {
        return Math.sqrt(Math.max(1, (double) rows / columns));
      }
    };

    abstract double of(long rows, long columns);
  }

  /**
   * How one parameter is treated.
   *
   * @param momentum how much of the gradients' running average a step keeps, in [0, 1)
   * @param nesterov whether the step goes by the average as the next gradient like this would leave
   *     it
   * @param steps steps of the iteration that makes orthogonal
   * @param scale how large a step is
   * @param weightDecay the part of the parameter that a step takes away, times the learning rate
   * @param rateFactor its learning rate as a part of the optimizer's
   */
  record Treatment(
      double momentum,
      boolean nesterov,
      int steps,
      Scale scale,
      double weightDecay,
      double rateFactor) {}

  private record Alike(Treatment treatment, long rows, long columns) {}

  private record Bundle(Alike alike, List<OptimizedParameter> parameters) {}

  /** Says whether a parameter is a matrix or a stack of matrices. */
  static boolean takes(OptimizedParameter parameter) {
    Tensor master = parameter.master();
    long dim = master.dim();
    return (dim == 2 || dim == 3)
        && !parameter.isTable()
        && master.size(dim - 1) > 1
        && master.size(dim - 2) > 1;
  }

  /** Creates the optimizer of parameters that it {@link #takes}; see {@link OptimizerContext}. */
  Muon(
      List<OptimizedParameter> parameters,
      Function<OptimizedParameter, Treatment> treatments,
      Map<String, ParameterState> known) {
    super(parameters, each -> treatments.apply(each).rateFactor(), known, Muon::initial);
    bundles = bundles(parameters, treatments);
  }

  /** Makes the state of a parameter before its first step. */
  static ParameterState initial(OptimizedParameter parameter) {
    return zeros(MOMENTUM, parameter);
  }

  private static List<Bundle> bundles(
      List<OptimizedParameter> parameters, Function<OptimizedParameter, Treatment> treatments) {
    Map<Alike, List<OptimizedParameter>> alike =
        parameters.stream()
            .collect(
                Collectors.groupingBy(
                    each -> {
                      Tensor master = each.master();
                      long dim = master.dim();
                      return new Alike(
                          treatments.apply(each), master.size(dim - 2), master.size(dim - 1));
                    },
                    LinkedHashMap::new,
                    Collectors.toList()));
    List<Bundle> bundles = new ArrayList<>();
    alike.forEach(
        (key, all) -> {
          List<OptimizedParameter> some = new ArrayList<>();
          long elements = 0;
          for (OptimizedParameter each : all) {
            long own = each.master().numel();
            if (!some.isEmpty() && elements + own > TOGETHER) {
              bundles.add(new Bundle(key, List.copyOf(some)));
              some.clear();
              elements = 0;
            }
            some.add(each);
            elements += own;
          }
          bundles.add(new Bundle(key, List.copyOf(some)));
        });
    return bundles;
  }

  @Override
  void update(@Nullable Tensor keep) {
    bundles.forEach(bundle -> Scopes.run(() -> update(bundle, keep)));
  }

  private void update(Bundle bundle, @Nullable Tensor keep) {
    Alike alike = bundle.alike();
    Treatment by = alike.treatment();
    Tensor[] directions =
        bundle.parameters().stream()
            .map(each -> direction(each, by, keep).view(-1, alike.rows(), alike.columns()))
            .toArray(Tensor[]::new);
    Tensor steps =
        Orthogonal.of(
            directions.length == 1 ? directions[0] : Tensors.cat(0, directions), by.steps());
    Tensor rate = rate(by.rateFactor(), keep);
    Tensor shrink = Tensors.add(Tensors.mul(rate, -by.weightDecay()), 1);
    steps = steps.mul(Tensors.mul(rate, by.scale().of(alike.rows(), alike.columns())));
    long from = 0;
    for (OptimizedParameter each : bundle.parameters()) {
      long count = each.master().numel() / (alike.rows() * alike.columns());
      Tensor own = steps.narrow(0, from, count).reshape(Tensors.sizes(each.master()));
      each.master().mul_(shrink).sub_(own);
      from += count;
    }
  }

  /** Moves the momentum on and returns the direction of the step, contiguous. */
  private Tensor direction(OptimizedParameter parameter, Treatment by, @Nullable Tensor keep) {
    Tensor gradient = gradient(parameter, keep);
    Tensor momentum = state(parameter).get(MOMENTUM);
    momentum.lerp_(gradient, weight(1 - by.momentum(), keep));
    return (by.nesterov() ? gradient.lerp(momentum, weight(by.momentum(), null)) : momentum)
        .contiguous();
  }
}
