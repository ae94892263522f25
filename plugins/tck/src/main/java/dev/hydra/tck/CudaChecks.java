package dev.hydra.tck;

import dev.hydra.libtorch.Devices;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks that a CUDA device computes what the CPU does. */
final class CudaChecks {
  /** Sums in another order: a few bits of 24. */
  private static final double FLOAT32_BOUND = 1e-4;

  private static final double BFLOAT16_BOUND = 0.05;

  private CudaChecks() {}

  static void nearCpu(Subject subject) {
    near(subject, ScalarType.Float, FLOAT32_BOUND);
    near(subject, ScalarType.BFloat16, BFLOAT16_BOUND);
  }

  private static void near(Subject subject, ScalarType type, double bound) {
    subject.use(
        type,
        cpu ->
            subject.on(
                Devices.choose(Devices.Choice.CUDA),
                type,
                cuda -> {
                  Objective expected = Objective.of(subject, cpu, type);
                  Objective actual =
                      Objective.of(subject, cuda, type).on(Devices.choose(Devices.Choice.CUDA));
                  expected.backward();
                  actual.backward();
                  if (expected.x().grad().defined()) {
                    near(
                        "the gradient of the input", actual.x().grad(), expected.x().grad(), bound);
                  }
                  near(
                      "the output",
                      ForwardChecks.run(cuda, actual.x().detach()),
                      ForwardChecks.run(cpu, expected.x().detach()),
                      bound);
                }));
  }

  private static void near(String what, Tensor actual, Tensor expected, double bound) {
    double error = Compare.relative(actual.to(Devices.cpu(), ScalarType.Double), expected);
    ContractViolation.unless(error <= bound, what + " on CUDA is off by " + error + " of its norm");
  }
}
