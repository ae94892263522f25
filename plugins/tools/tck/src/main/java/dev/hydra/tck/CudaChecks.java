package dev.hydra.tck;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Iterator;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks that a CUDA device computes what the CPU does. */
final class CudaChecks {
  /** Sums in another order: a few bits of 24. */
  private static final double FLOAT32_BOUND = 1e-4;

  /**
   * Kernels multiply float32 on tensor cores as pairs of bfloat16: 16 bits of 24, and what adds up
   * to little, such as the gradient of a single number, keeps fewer.
   */
  private static final double FUSED_FLOAT32_BOUND = 1e-3;

  private static final double BFLOAT16_BOUND = 0.05;

  /** Of all gradients together: one that is smaller than this is lost in their rounding. */
  private static final double NEGLIGIBLE = 1e-3;

  /** The same in bfloat16: the gradient of a single number, to which many add up, may be small. */
  private static final double NEGLIGIBLE_IN_BFLOAT16 = 0.02;

  private CudaChecks() {}

  /**
   * Compares in both types.
   *
   * @param mode {@link KernelMode#FUSED} fails where a kernel cannot be compiled
   */
  static void nearCpu(Subject subject, KernelMode mode) {
    try (KernelMode.Setting kernels = mode.set()) {
      boolean fused = mode == KernelMode.FUSED;
      near(subject, ScalarType.Float, fused ? FUSED_FLOAT32_BOUND : FLOAT32_BOUND);
      near(subject, ScalarType.BFloat16, BFLOAT16_BOUND);
    }
  }

  private static void near(Subject subject, ScalarType type, double bound) {
    Device device = Devices.choose("cuda");
    subject.use(
        type,
        cpu ->
            subject.on(
                device,
                type,
                cuda -> {
                  Objective expected = Objective.of(subject, cpu, type);
                  Objective actual = Objective.of(subject, cuda, type).on(device);
                  near("the output", run(actual), run(expected), 0, bound);
                  near("a decoded token", decode(actual), decode(expected), 0, bound);
                  gradients(actual, expected, bound);
                  Documents documents = Documents.of(subject);
                  gradients(
                      Objective.of(subject, cuda, type).with(documents).on(device),
                      Objective.of(subject, cpu, type).with(documents),
                      bound);
                }));
  }

  private static Tensor run(Objective objective) {
    return ForwardChecks.run(objective.component(), objective.x().detach());
  }

  /** The outputs of the last token, after the others in one piece. */
  private static Tensor decode(Objective objective) {
    Tensor x = objective.x().detach();
    long last = x.size(1) - 1;
    try (ModelState state = new ModelState();
        ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      objective.component().forward(Tensors.slice(x, 1, 0, last), forward);
      return objective.component().forward(Tensors.slice(x, 1, last, last + 1), forward);
    }
  }

  private static void gradients(Objective actual, Objective expected, double bound) {
    forget(actual.component());
    forget(expected.component());
    actual.backward();
    expected.backward();
    double total = Tensors.number(GradientChecks.gradient(expected.x()).norm());
    for (Parameter parameter : expected.component().parameters().all()) {
      total += Tensors.number(GradientChecks.gradient(parameter.working()).norm());
    }
    boolean coarse = Tensors.type(expected.x()) == ScalarType.BFloat16;
    double negligible = (coarse ? NEGLIGIBLE_IN_BFLOAT16 : NEGLIGIBLE) * total;
    near(
        "the gradient of the input",
        GradientChecks.gradient(actual.x()),
        GradientChecks.gradient(expected.x()),
        negligible,
        bound);
    Iterator<Parameter> parameters = expected.component().parameters().all().iterator();
    for (Parameter parameter : actual.component().parameters().all()) {
      near(
          "the gradient of " + parameter.name(),
          GradientChecks.gradient(parameter.working()),
          GradientChecks.gradient(parameters.next().working()),
          negligible,
          bound);
    }
  }

  private static void forget(StandaloneComponent component) {
    component.parameters().all().forEach(parameter -> parameter.working().mutable_grad().reset());
  }

  /** Relative to the norm of what is expected, or to {@code least} if that is larger. */
  private static void near(
      String what, Tensor actual, Tensor expected, double least, double bound) {
    Tensor difference = actual.to(Devices.cpu(), ScalarType.Double).sub(expected);
    double norm = Math.max(least, Tensors.number(expected.to(ScalarType.Double).norm()));
    double error = Tensors.number(difference.norm());
    ContractViolation.unless(
        error <= bound * norm, what + " on CUDA is off by " + error + ", its norm is " + norm);
  }
}
