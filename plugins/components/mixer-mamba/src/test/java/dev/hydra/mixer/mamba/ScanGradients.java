package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.testing.FiniteDifferences;
import dev.hydra.testing.Samples;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks the gradients of x, dt, a, b, c and the initial state of a recurrence. */
final class ScanGradients {
  private ScanGradients() {}

  /** Compares with finite differences of a scalar. */
  static void check(ScanInput in, Function<ScanInput, Tensor> scalar) {
    Tensor[] leaves =
        Stream.concat(Stream.of(in.x(), in.dt(), in.a(), in.b(), in.c()), in.initial().stream())
            .map(input -> input.detach().clone().set_requires_grad(true))
            .toArray(Tensor[]::new);
    FiniteDifferences.checkSome(() -> scalar.apply(with(in, List.of(leaves))), leaves);
  }

  /**
   * Compares those in bfloat16, dt and a in float32, with those in float64.
   *
   * @param in without an initial state
   * @param outward the gradient of y
   */
  static void checkBfloat16(
      ScanInput in, Tensor outward, double bound, Function<ScanInput, Tensor> y) {
    List<Tensor> exact = of(in, outward, ScalarType.Double, ScalarType.Double, y);
    List<Tensor> rough = of(in, outward, ScalarType.BFloat16, ScalarType.Float, y);
    for (int i = 0; i < exact.size(); i++) {
      Samples.assertNear("gradient " + i, exact.get(i), rough.get(i), bound);
    }
  }

  private static List<Tensor> of(
      ScanInput in,
      Tensor outward,
      ScalarType type,
      ScalarType accumulationType,
      Function<ScanInput, Tensor> y) {
    List<Tensor> leaves =
        List.of(
            in.x().detach().to(type),
            in.dt().detach().to(accumulationType),
            in.a().detach().to(accumulationType),
            in.b().detach().to(type),
            in.c().detach().to(type));
    leaves.forEach(leaf -> leaf.set_requires_grad(true));
    Backward.run(y.apply(with(in, leaves)).to(ScalarType.Double).mul(outward).sum());
    return leaves.stream().map(Tensor::grad).toList();
  }

  private static ScanInput with(ScanInput in, List<Tensor> leaves) {
    return new ScanInput(
        leaves.get(0),
        leaves.get(1),
        leaves.get(2),
        leaves.get(3),
        leaves.get(4),
        in.documents(),
        in.initial().map(initial -> leaves.get(5)));
  }
}
