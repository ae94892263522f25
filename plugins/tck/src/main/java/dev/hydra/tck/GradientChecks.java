package dev.hydra.tck;

import dev.hydra.composer.Forward;
import dev.hydra.composer.Parameter;
import dev.hydra.composer.StandaloneComponent;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of backward. */
final class GradientChecks {
  private static final double STEP = 1e-6;

  /** Of central differences in float64: rounding 1e-10, curvature 1e-12, each times its factor. */
  private static final double BOUND = 1e-5;

  private static final int SAMPLES = 12;
  private static final int WARM_UP = 5;
  private static final int ROUNDS = 20;

  private GradientChecks() {}

  static void finiteDifferences(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double).set_requires_grad(true);
          Tensor direction =
              Subject.random(
                  5, ScalarType.Double, subject.batch(), subject.time(), subject.outputs());
          objective(component, x, direction).backward();
          compare("input", x, component, x, direction);
          for (Parameter parameter : component.parameters().all()) {
            if (parameter.spec().trainable()) {
              compare(parameter.name(), parameter.working(), component, x, direction);
            }
          }
        });
  }

  /** A scalar that depends on all outputs and on the auxiliary losses. */
  private static Tensor objective(StandaloneComponent component, Tensor x, Tensor direction) {
    return Scopes.keep(
        () -> {
          try (Forward forward = Forward.training()) {
            Tensor sum = component.forward(x, forward).mul(direction).sum();
            for (Tensor loss : forward.losses().values()) {
              sum = sum.add(loss);
            }
            return sum;
          }
        });
  }

  private static void compare(
      String name, Tensor leaf, StandaloneComponent component, Tensor x, Tensor direction) {
    Tensor gradient = leaf.grad();
    ContractViolation.unless(gradient.defined(), name + " gets no gradient");
    Tensor flatGradient = gradient.reshape(-1);
    SplittableRandom random = new SplittableRandom(6);
    long elements = leaf.numel();
    for (int i = 0; i < Math.min(SAMPLES, elements); i++) {
      long index = elements <= SAMPLES ? i : random.nextLong(elements);
      double expected = difference(leaf, index, component, x, direction);
      double actual = Tensors.number(Tensors.slice(flatGradient, 0, index, index + 1));
      double bound = BOUND * Math.max(1, Math.abs(expected));
      ContractViolation.unless(
          Math.abs(actual - expected) <= bound,
          "gradient of "
              + name
              + "["
              + index
              + "] is "
              + actual
              + ", finite differences say "
              + expected);
    }
  }

  private static double difference(
      Tensor leaf, long index, StandaloneComponent component, Tensor x, Tensor direction) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor element = Tensors.slice(leaf.detach().view(-1), 0, index, index + 1);
      double value = Tensors.number(element);
      element.fill_(new Scalar(value + STEP));
      double above = Tensors.number(objective(component, x, direction));
      element.fill_(new Scalar(value - STEP));
      double below = Tensors.number(objective(component, x, direction));
      element.fill_(new Scalar(value));
      return (above - below) / (2 * STEP);
    }
  }

  static void handlesFlat(Subject subject) {
    subject.use(
        ScalarType.Float,
        component -> {
          Tensor x = subject.input(1, ScalarType.Float);
          Tensor direction =
              Subject.random(
                  5, ScalarType.Float, subject.batch(), subject.time(), subject.outputs());
          for (int i = 0; i < WARM_UP; i++) {
            Scopes.run(() -> objective(component, x, direction).backward());
          }
          long before = Scopes.liveHandles();
          for (int i = 0; i < ROUNDS; i++) {
            Scopes.run(() -> objective(component, x, direction).backward());
          }
          long grown = Scopes.liveHandles() - before;
          ContractViolation.unless(
              grown <= 0, ROUNDS + " steps leave " + grown + " more live handles");
        });
  }
}
