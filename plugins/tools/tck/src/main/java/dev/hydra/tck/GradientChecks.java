package dev.hydra.tck;

import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of gradients against central differences, in float64. */
final class GradientChecks {
  private static final double STEP = 1e-6;

  /** Of central differences in float64: rounding 1e-10, curvature 1e-12, each times its factor. */
  private static final double BOUND = 1e-5;

  private static final int SAMPLES = 12;
  private static final long DIRECTION_SEED = 6;

  private GradientChecks() {}

  /** Of whole sequences: single elements, which tell where a mistake is, and a direction. */
  static void whole(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Objective objective = Objective.of(subject, component, ScalarType.Double);
          objective.backward();
          leaves(objective)
              .forEach(
                  (name, leaf) -> {
                    elements(name, leaf, objective);
                    direction(name, leaf, objective);
                  });
        });
  }

  /** Of packed documents: a direction. */
  static void packed(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Objective objective =
              Objective.of(subject, component, ScalarType.Double).with(Documents.of(subject));
          objective.backward();
          leaves(objective).forEach((name, leaf) -> direction(name, leaf, objective));
        });
  }

  private static Map<String, Tensor> leaves(Objective objective) {
    Map<String, Tensor> leaves = new LinkedHashMap<>();
    leaves.put("input", objective.x());
    for (Parameter parameter : objective.component().parameters().all()) {
      if (parameter.spec().trainable()) {
        leaves.put(parameter.name(), parameter.working());
      }
    }
    return leaves;
  }

  private static void elements(String name, Tensor leaf, Objective objective) {
    SplittableRandom random = new SplittableRandom(DIRECTION_SEED);
    long count = leaf.numel();
    for (int i = 0; i < Math.min(SAMPLES, count); i++) {
      long index = count <= SAMPLES ? i : random.nextLong(count);
      try (PointerScope scope = new PointerScope()) {
        Tensor unit = Tensors.zeros(leaf.detach(), count);
        Tensors.slice(unit, 0, index, index + 1).fill_(new Scalar(1.0));
        compare(name + "[" + index + "]", leaf, unit.view(Tensors.sizes(leaf)), objective);
      }
    }
  }

  /** A direction through all elements, so that none is left out. */
  private static void direction(String name, Tensor leaf, Objective objective) {
    try (PointerScope scope = new PointerScope()) {
      Tensor random = Subject.random(DIRECTION_SEED, ScalarType.Double, Tensors.sizes(leaf));
      compare(name + " along a direction", leaf, random.div(random.norm()), objective);
    }
  }

  private static void compare(String what, Tensor leaf, Tensor direction, Objective objective) {
    double actual = Tensors.number(gradient(leaf).mul(direction).sum());
    double expected = difference(leaf, direction, objective);
    ContractViolation.unless(
        Math.abs(actual - expected) <= BOUND * Math.max(1, Math.abs(expected)),
        "gradient of " + what + " is " + actual + ", finite differences say " + expected);
  }

  /** What a leaf was given: zeros if nothing depends on it, so says LibTorch too. */
  static Tensor gradient(Tensor leaf) {
    Tensor gradient = leaf.grad();
    if (!gradient.defined()) {
      return torch.zeros_like(leaf.detach());
    }
    return gradient.is_sparse() ? gradient.to_dense() : gradient;
  }

  private static double difference(Tensor leaf, Tensor direction, Objective objective) {
    try (Grad off = Grad.off()) {
      Tensor before = leaf.detach().clone();
      leaf.copy_(before.add(Tensors.mul(direction, STEP)));
      double above = Tensors.number(objective.value());
      leaf.copy_(before.sub(Tensors.mul(direction, STEP)));
      double below = Tensors.number(objective.value());
      leaf.copy_(before);
      return (above - below) / (2 * STEP);
    }
  }
}
