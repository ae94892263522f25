package dev.hydra.tck;

import dev.hydra.api.Cost;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of what a component says that it costs. */
final class CostChecks {
  private static final double TOLERANCE = 3;

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
          long all =
              component.parameters().all().stream().mapToLong(p -> p.spec().elements()).sum();
          long touched = touched(subject, component);
          ContractViolation.unless(
              one.idleParameters() >= 0 && one.idleParameters() <= all - touched,
              "one token touches " + touched + " of " + all + " parameters: " + one);
          double least = (double) subject.time() * touched;
          ContractViolation.unless(
              one.flops() >= least,
              "a parameter that every token touches costs a FLOP each time, "
                  + least
                  + " in all: "
                  + one);
          compare(one, least, counted(subject, component));
          long held = stateElements(subject, component);
          ContractViolation.unless(
              one.state() == held,
              "the state after " + subject.time() + " tokens has " + held + " elements: " + one);
        });
  }

  /**
   * What is computed for masked positions is not declared, and what other operators cost an element
   * is a matter of taste: so the two differ, but not by much.
   *
   * @param least what must be declared, even if the graph shows nothing but rows that are looked up
   */
  private static void compare(Cost declared, double least, RecordedFlops counted) {
    ContractViolation.unless(
        declared.flops() >= counted.products() / TOLERANCE,
        "a sequence takes " + counted.products() + " FLOPs in products alone: " + declared);
    double most = Math.max(least, counted.all());
    ContractViolation.unless(
        declared.flops() <= most * TOLERANCE,
        "a sequence takes no more than " + most + " FLOPs: " + declared);
  }

  /** The operations of the forward of one sequence. */
  private static RecordedFlops counted(Subject subject, StandaloneComponent component) {
    Tensor x = Tensors.slice(subject.input(1, ScalarType.Float), 0, 0, 1).clone();
    x.set_requires_grad(true);
    return RecordedFlops.of(
        () -> {
          try (ForwardContext forward = ForwardContext.evaluation()) {
            return component.forward(x, forward);
          }
        });
  }

  /** The parameters that get a gradient from one token. */
  private static long touched(Subject subject, StandaloneComponent component) {
    Tensor first = Tensors.slice(subject.input(1, ScalarType.Float), 1, 0, 1);
    Tensor token = Tensors.slice(first, 0, 0, 1).clone().set_requires_grad(true);
    try (ForwardContext forward = ForwardContext.evaluation()) {
      Tensor sum = component.forward(token, forward).abs().sum();
      if (sum.requires_grad()) {
        Backward.run(sum);
      }
    }
    double touched = 0;
    for (Parameter parameter : component.parameters().all()) {
      Tensor gradient = GradientChecks.gradient(parameter.working());
      touched += Tensors.number(torch.count_nonzero(gradient));
    }
    return (long) touched;
  }

  /** The elements of the state of one sequence. */
  private static long stateElements(Subject subject, StandaloneComponent component) {
    Tensor one = Tensors.slice(subject.input(1, ScalarType.Float), 0, 0, 1);
    try (ModelState state = new ModelState();
        ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      component.forward(one, forward);
      return state.elements();
    }
  }
}
