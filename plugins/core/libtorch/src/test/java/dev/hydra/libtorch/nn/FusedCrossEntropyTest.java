package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Cross-entropy whose gradient takes the place of the logits, against its plain twin. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedCrossEntropyTest {
  @ParameterizedTest
  @CsvSource({
    // rows, width, classes, of which are ignored, what logits are multiplied by
    "1, 8, 2, 0, 1",
    "5, 16, 11, 2, 1",
    "33, 64, 1000, 0, 0.5",
    "70, 32, 50257, 7, 1",
    "64, 64, 50304, 0, 1",
    "16, 32, 131072, 3, 2"
  })
  void agreesWithFloat64AndThePlainTwin(
      int rows, int width, int classes, int ignored, double scale) {
    Tensor targets = targets(rows, classes, ignored);
    torch.manual_seed(rows);
    Twins twins =
        new Twins()
            .element("hidden", torch.randn(rows, width).to(ScalarType.Double))
            .weight(
                "the weight",
                Tensors.mul(
                    torch.randn(classes, width).to(ScalarType.Double), 0.5 / Math.sqrt(width)));
    Twins.Operator fused =
        operator(
            targets,
            (in, on) ->
                LinearLoss.of(
                    FusedCrossEntropy.of(in.get("hidden"), in.get("the weight"), scale)
                        .orElseThrow(),
                    in.get("hidden"),
                    in.get("the weight"),
                    on,
                    Optional.empty()));
    Twins.Operator plain =
        operator(
            targets,
            (in, on) ->
                LinearCrossEntropy.plain(in.get("hidden"), in.get("the weight"), scale, on));
    twins.check(fused, plain, ScalarType.Float, ScalarType.Float);
    twins.check(fused, plain, ScalarType.BFloat16, ScalarType.BFloat16);
  }

  @FunctionalInterface
  private interface Loss {
    Tensor of(Map<String, Tensor> in, Tensor targets);
  }

  private static Twins.Operator operator(Tensor targets, Loss loss) {
    return in -> {
      try (Device device = in.get("hidden").device()) {
        return Map.of("loss", loss.of(in, targets.to(device, ScalarType.Long)));
      }
    };
  }

  private static Tensor targets(int rows, int classes, int ignored) {
    long[] values = new Random(rows).longs(rows, 0, classes).toArray();
    for (int i = 0; i < ignored; i++) {
      values[2 * i % rows] = LinearCrossEntropy.IGNORED;
    }
    return Tensor.create(values);
  }

  @Test
  void whereNoGradientIsNeededItIsTheSame() {
    Function<Boolean, Double> loss =
        needed -> {
          torch.manual_seed(1);
          Tensor hidden = torch.randn(9, 16).to(new Device("cuda"), ScalarType.BFloat16);
          Tensor weight = torch.randn(33, 16).to(new Device("cuda"), ScalarType.BFloat16);
          Tensor targets = targets(9, 33, 1).to(new Device("cuda"), ScalarType.Long);
          return Tensors.number(
              LinearLoss.of(
                  FusedCrossEntropy.of(hidden, weight, 1).orElseThrow(),
                  hidden.set_requires_grad(needed),
                  weight,
                  targets,
                  Optional.empty()));
        };
    assertEquals(loss.apply(true), loss.apply(false));
  }

  /** A power of two: to multiply by it sooner or later is the same. */
  @Test
  void aKnownGradientIsAsGoodAsOneThatArrives() {
    Tensor quarter = Tensors.scalar(0.25, on(torch.ones(1)), ScalarType.Float);
    List<Tensor> expected = gradients(Optional.empty(), quarter);
    same(expected, gradients(Optional.of(quarter), quarter));
    same(expected, gradients(Optional.of(quarter), quarter.clone()));
    same(expected, gradients(Optional.of(Tensors.mul(quarter, 4)), quarter));
  }

  private static void same(List<Tensor> expected, List<Tensor> found) {
    for (int i = 0; i < expected.size(); i++) {
      assertTrue(expected.get(i).equal(found.get(i)));
    }
  }

  private static Tensor on(Tensor values) {
    return values.to(new Device("cuda"), ScalarType.BFloat16);
  }

  private static List<Tensor> gradients(Optional<Tensor> known, Tensor arriving) {
    torch.manual_seed(1);
    Tensor hidden = on(torch.randn(9, 16)).set_requires_grad(true);
    Tensor weight = on(torch.randn(33, 16)).set_requires_grad(true);
    Tensor targets = targets(9, 33, 1).to(new Device("cuda"), ScalarType.Long);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Backward.run(LinearCrossEntropy.of(hidden, weight, 1, targets, known), arriving);
    }
    return List.of(hidden.grad(), weight.grad());
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainTwin() {
    Tensor x = torch.ones(3, 8).to(new Device("cuda"), ScalarType.Float);
    assertTrue(FusedCrossEntropy.of(x, x, 1).isPresent());
    assertTrue(FusedCrossEntropy.of(x, x.to(ScalarType.BFloat16), 1).isEmpty(), "two types");
    assertTrue(FusedCrossEntropy.of(x.to(ScalarType.Double), x.to(ScalarType.Double), 1).isEmpty());
    CustomFunction.inlined(() -> assertTrue(FusedCrossEntropy.of(x, x, 1).isEmpty(), "inlined"));
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(FusedCrossEntropy.of(x, x, 1).isEmpty(), "plain");
    }
  }
}
