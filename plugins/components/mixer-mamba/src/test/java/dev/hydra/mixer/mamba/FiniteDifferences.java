package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/** Checks gradients in float64 against central differences. */
final class FiniteDifferences {
  private static final double STEP = 1e-5;
  private static final int SAMPLES = 10;

  private FiniteDifferences() {}

  /** Checks some elements of the gradient that a scalar function has at a point. */
  static void check(Tensor at, SplittableRandom random, UnaryOperator<Tensor> function) {
    Tensor leaf = at.detach().clone().set_requires_grad(true);
    Backward.run(function.apply(leaf));
    double[] gradient = Tensors.numbers(leaf.grad());
    for (int i = 0; i < Math.min(SAMPLES, gradient.length); i++) {
      int element = gradient.length <= SAMPLES ? i : random.nextInt(gradient.length);
      double difference =
          (moved(at, element, STEP, function) - moved(at, element, -STEP, function)) / (2 * STEP);
      assertEquals(difference, gradient[element], 1e-7 * Math.max(1, Math.abs(difference)));
    }
  }

  private static double moved(Tensor at, int element, double by, UnaryOperator<Tensor> function) {
    double[] values = Tensors.numbers(at);
    values[element] += by;
    return Tensors.number(function.apply(Tensor.create(values).view(Tensors.sizes(at))));
  }
}
