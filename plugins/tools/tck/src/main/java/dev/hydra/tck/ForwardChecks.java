package dev.hydra.tck;

import dev.hydra.api.Role;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks that need nothing but whole forwards. */
final class ForwardChecks {
  /** bfloat16 keeps 8 bits; a component is a few roundings deep. */
  /** Components that choose decide near ties otherwise, which is a few hundredths. */
  private static final double BFLOAT16_BOUND = 0.1;

  private ForwardChecks() {}

  static Tensor run(StandaloneComponent component, Tensor x) {
    try (ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      return component.forward(x, forward);
    }
  }

  static void shapeAndType(Subject subject) {
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      subject.use(
          type,
          component -> {
            Tensor x = subject.input(1, type);
            Tensor y = run(component, x);
            long[] expected = {subject.batch(), subject.time(), subject.outputs()};
            ContractViolation.unless(
                Arrays.equals(Tensors.sizes(y), expected),
                "output has shape " + Arrays.toString(Tensors.sizes(y)));
            ContractViolation.unless(
                subject.role() == Role.ROUTER || Tensors.type(y) == type,
                "input is " + type + ", output " + Tensors.type(y));
            ContractViolation.unless(
                !Tensors.any(y.isfinite().logical_not()), "output is not finite");
            ContractViolation.unless(
                x.equal(subject.input(1, type)), "the input is changed; others see it too");
          });
    }
  }

  static void causality(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double);
          Tensor other = Tensors.mul(subject.input(2, ScalarType.Double), 3);
          Tensor whole = run(component, x);
          for (int cut = 1; cut < subject.time(); cut++) {
            Tensor changed =
                Tensors.cat(
                    1, Tensors.slice(x, 1, 0, cut), Tensors.slice(other, 1, cut, subject.time()));
            Tensor y = run(component, changed);
            Compare.same(
                Tensors.slice(y, 1, 0, cut),
                Tensors.slice(whole, 1, 0, cut),
                "outputs before token " + cut + " change when it and later tokens do");
          }
        });
  }

  static void determinism(Subject subject) {
    subject.use(
        ScalarType.Float,
        one ->
            subject.use(
                ScalarType.Float,
                two -> {
                  Tensor x = subject.input(1, ScalarType.Float);
                  Tensor y = run(one, x);
                  ContractViolation.unless(
                      y.equal(run(two, x)),
                      "two components of the same seed give different outputs");
                  ContractViolation.unless(
                      y.equal(run(one, x)), "a second forward gives a different output");
                }));
  }

  static void bfloat16(Subject subject) {
    subject.use(
        ScalarType.Float,
        precise ->
            subject.use(
                ScalarType.BFloat16,
                rough -> {
                  Tensor x = subject.input(1, ScalarType.BFloat16);
                  double error =
                      Compare.relative(run(rough, x), run(precise, x.to(ScalarType.Float)));
                  ContractViolation.unless(
                      error <= BFLOAT16_BOUND, "bfloat16 is off by " + error + " of the norm");
                }));
  }
}
