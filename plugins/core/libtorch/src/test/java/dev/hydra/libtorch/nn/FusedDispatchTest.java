package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The CUDA kernels against the plain path on the same device, and against float64. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedDispatchTest {

  @ParameterizedTest
  @CsvSource({
    // decisions, k, experts
    "50, 2, 4",
    "7, 1, 1",
    "500, 2, 40",
    "111, 3, 256",
    "2500, 2, 9",
    "1, 1, 31"
  })
  void sortsAsLibTorchDoes(int decisions, int k, int experts) {
    try (PointerScope scope = new PointerScope();
        KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      // Some name an expert that does not exist.
      Tensor chosen = torch.randint(experts + 1, new long[] {decisions, k}).to(ScalarType.Long);
      Tensor onDevice = chosen.to(new Device("cuda"), ScalarType.Long);
      assertTrue(FusedPlaces.of(onDevice, experts).isPresent());
      ExpertDispatch fused = ExpertDispatch.of(onDevice, experts, 3);
      ExpertDispatch plain = ExpertDispatch.sorted(chosen, experts, 3);
      assertArrayEquals(Tensors.integers(plain.order()), Tensors.integers(fused.order()));
      assertArrayEquals(Tensors.integers(plain.places()), Tensors.integers(fused.places()));
      assertArrayEquals(Tensors.integers(plain.ends()), Tensors.integers(fused.ends()));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // decisions, span, k, experts, width; whether something else is added
    "40, 1, 2, 8, 64, true",
    "9, 32, 2, 4, 384, false",
    "5, 4, 3, 6, 40, true",
    "1, 1, 1, 1, 8, false",
    "30, 64, 2, 8, 520, true"
  })
  void movesAgreeWithFloat64AndThePlainPath(
      int decisions, int span, int k, int experts, int width, boolean added) {
    try (PointerScope scope = new PointerScope()) {
      Tensor chosen = torch.rand(decisions, experts).topk(k, -1, true, true).get1();
      for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
        long tokens = (long) decisions * span;
        Moves moves =
            new Moves(
                chosen,
                experts,
                span,
                Samples.rounded(torch.randn(tokens, width), type),
                Samples.rounded(torch.randn(tokens * k, width), type),
                Samples.rounded(torch.rand(decisions, k), ScalarType.Float),
                added
                    ? Optional.of(Samples.rounded(torch.randn(tokens, width), type))
                    : Optional.empty(),
                Samples.rounded(torch.randn(tokens, width), type),
                Samples.rounded(torch.randn(tokens * k, width), type));
        double bound = type == ScalarType.Float ? 1e-5 : 1e-2;
        Map<String, Tensor> fused = moves.run(KernelMode.FUSED, "cuda", type);
        Results.assertNear(
            "against float64", moves.run(KernelMode.PLAIN, "cpu", ScalarType.Double), fused, bound);
        Results.assertNear(
            "against the plain path", moves.run(KernelMode.PLAIN, "cuda", type), fused, bound);
        Results.assertSame(fused, moves.run(KernelMode.FUSED, "cuda", type));
      }
    }
  }

  private record Moves(
      Tensor chosen,
      int experts,
      int span,
      Tensor tokens,
      Tensor computed,
      Tensor weights,
      Optional<Tensor> other,
      Tensor tokenDirection,
      Tensor rowDirection) {
    Map<String, Tensor> run(KernelMode mode, String device, ScalarType type) {
      Device on = new Device(device);
      try (KernelMode.Setting kernels = mode.set()) {
        ExpertDispatch dispatch = ExpertDispatch.of(chosen.to(on, ScalarType.Long), experts, span);
        Tensor x = Samples.leaf(tokens, on, type);
        Tensor rows = Samples.leaf(computed, on, type);
        ScalarType weightType = type == ScalarType.Double ? type : ScalarType.Float;
        Tensor scale = Samples.leaf(weights, on, weightType);
        Optional<Tensor> more = other.map(each -> Samples.leaf(each, on, type));
        assertEquals(mode == KernelMode.FUSED, FusedDispatch.of(x).isPresent());
        Tensor spread = dispatch.spread(x);
        Tensor combined = dispatch.combine(rows, scale, more);
        Backward.run(
            spread
                .mul(rowDirection.to(on, type))
                .sum()
                .add(combined.mul(tokenDirection.to(on, type)).sum()));
        Map<String, Tensor> found = new LinkedHashMap<>();
        found.put("rows", spread);
        found.put("sums", combined);
        found.put("gradient of tokens", x.grad());
        found.put("gradient of rows", rows.grad());
        found.put("gradient of weights", scale.grad());
        more.ifPresent(each -> found.put("gradient of what is added", each.grad()));
        return Results.copied(found);
      }
    }
  }

  @Test
  void whatTheyCannotComputeIsLeftToThePlainPath() {
    try (PointerScope scope = new PointerScope();
        KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Tensor rows = torch.ones(3, 12).to(new Device("cuda"), ScalarType.BFloat16);
      assertTrue(FusedDispatch.of(rows).isEmpty());
      assertTrue(FusedDispatch.of(rows.narrow(1, 0, 8)).isPresent());
      assertTrue(FusedDispatch.of(rows.narrow(1, 0, 8).to(ScalarType.Double)).isEmpty());
      Tensor chosen = torch.zeros(4, 2).to(new Device("cuda"), ScalarType.Long);
      assertTrue(FusedPlaces.of(chosen, 257).isEmpty());
      CustomFunction.inlined(
          () -> {
            assertTrue(FusedDispatch.of(rows.narrow(1, 0, 8)).isEmpty());
            assertTrue(FusedPlaces.of(chosen, 4).isEmpty());
          });
    }
  }
}
