package dev.hydra.tck;

import dev.hydra.api.Cost;
import dev.hydra.api.Workload;
import dev.hydra.composer.Forward;
import dev.hydra.composer.ModelState;
import dev.hydra.composer.StandaloneComponent;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of what a component says that it costs. */
final class CostChecks {
  private CostChecks() {}

  static void cost(Subject subject) {
    subject.use(
        ScalarType.Float,
        component -> {
          Cost one = component.cost(Workload.sequence(subject.time()));
          Cost two = component.cost(Workload.sequence(2L * subject.time()));
          ContractViolation.unless(
              (one.flops() > 0 || component.parameters().all().isEmpty())
                  && two.flops() >= 2 * one.flops() * 0.99,
              "FLOPs must be positive and grow with the sequence: " + one + ", " + two);
          long parameters =
              component.parameters().all().stream().mapToLong(p -> p.spec().elements()).sum();
          double idle = one.idleParameters();
          ContractViolation.unless(
              idle == 0 || (idle > 0 && idle < parameters),
              "idle parameters must be less than all " + parameters + ": " + one);
          long held = stateElements(subject, component);
          ContractViolation.unless(
              one.state() == held,
              "the state after " + subject.time() + " tokens has " + held + " elements: " + one);
        });
  }

  /** The elements of the state of one sequence. */
  private static long stateElements(Subject subject, StandaloneComponent component) {
    Tensor one = Tensors.slice(subject.input(1, ScalarType.Float), 0, 0, 1);
    try (ModelState state = new ModelState();
        Forward forward = Forward.evaluation().with(state);
        Grad off = Grad.off()) {
      component.forward(one, forward);
      return state.elements();
    }
  }
}
