package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedTokenGateTest {
  private final RandomInput random = new RandomInput();

  private Twins twins(int rows, int width, int before) {
    return new Twins()
        .element("what the value is a part of", random.values(2, rows, before + width))
        .weight("the weight", Tensors.mul(random.values(1, width), 1 / Math.sqrt(width)))
        .weight("the bias", random.values(1));
  }

  private static Tensor value(Map<String, Tensor> in, int before) {
    Tensor whole = in.get("what the value is a part of");
    return whole.narrow(2, before, whole.size(2) - before);
  }

  private static Tensor gate(Map<String, Tensor> in) {
    Tensor weight = in.get("the weight");
    Tensor x = Tensors.cast(in.get("x"), Tensors.type(weight));
    return Tensors.linear(x, weight, in.get("the bias")).sigmoid();
  }

  @ParameterizedTest
  @CsvSource({
    // rows, width, elements of the value's rows before it
    "1, 1, 0",
    "7, 33, 0",
    "5, 64, 3",
    "3000, 768, 0",
    "1024, 2048, 8",
    "3, 5000, 0"
  })
  void agreesWithFloat64AndThePlainTwin(int rows, int width, int before) {
    twins(rows, width, before)
        .element("x", random.values(2, rows, width))
        .check(
            in -> Map.of("the result", compute(in, value(in, before), 1, false)),
            in -> Map.of("the result", value(in, before).mul(gate(in))),
            ScalarType.Float,
            ScalarType.Float);
    twins(rows, width, before)
        .element("x", random.values(2, rows, width))
        .check(
            in -> Map.of("the result", compute(in, value(in, before), 1, false)),
            in -> Map.of("the result", value(in, before).mul(gate(in))),
            ScalarType.BFloat16,
            ScalarType.BFloat16);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 0, 1", "7, 33, 0, 0.5", "5, 64, 3, 1", "3000, 768, 0, 1", "1024, 2048, 8, 2"})
  void addsToTheStream(int rows, int width, int before, double scale) {
    // The stream and the gate's weights are kept in float32 beside bfloat16.
    Twins twins =
        twins(rows, width, before)
            .element("x", random.values(2, rows, width))
            .weight("the stream", random.values(2, rows, width));
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      twins.check(
          in -> Map.of("the sum", compute(in, value(in, before), scale, true)),
          in -> {
            Tensor y = Tensors.scaled(Tensors.upcast(value(in, before)), scale).mul(gate(in));
            return Map.of("the sum", in.get("the stream").add(y));
          },
          type,
          ScalarType.Float);
    }
  }

  private static Tensor compute(
      Map<String, Tensor> in, Tensor value, double scale, boolean summed) {
    return FusedTokenGate.compute(
            in.get("x"),
            in.get("the weight"),
            in.get("the bias"),
            value,
            scale,
            summed ? in.get("the stream") : null,
            List.of())
        .orElseThrow()
        .values();
  }

  /** Without gradients, what other gates let through is added in the same pass. */
  @ParameterizedTest
  @CsvSource({"1, 1, 1", "7, 33, 2", "5, 64, 1", "3000, 384, 2", "1024, 2048, 2", "40, 384, 3"})
  void otherGatesAreAddedFirstWithTheSameBits(int rows, int width, int others) {
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      Tensor x = values(type, 2, rows, width);
      Tensor weight = values(ScalarType.Float, 1, width);
      Tensor bias = values(ScalarType.Float, 1);
      Tensor value = values(type, 2, rows, width);
      Tensor stream = values(ScalarType.Float, 2, rows, width);
      List<GatedAddend> before = new ArrayList<>();
      for (int i = 0; i < others; i++) {
        Tensor y = values(type, 2, rows, width + 8 * i).narrow(2, 0, width);
        before.add(new GatedAddend(y, values(ScalarType.Float, 1), 0.5 + i));
      }
      Tensor sum = stream;
      for (GatedAddend each : before) {
        sum = each.addTo(sum);
      }
      Tensor expected = sums(x, weight, bias, value, sum, List.of());
      assertTrue(sums(x, weight, bias, value, stream, before).equal(expected), "recorded");
      try (Grad off = Grad.off()) {
        assertTrue(sums(x, weight, bias, value, stream, before).equal(expected), "in one pass");
      }
    }
  }

  private Tensor values(ScalarType type, long... sizes) {
    return random.values(sizes).to(new Device("cuda"), type);
  }

  private static Tensor sums(
      Tensor x, Tensor weight, Tensor bias, Tensor value, Tensor stream, List<GatedAddend> before) {
    return FusedTokenGate.compute(x, weight, bias, value, 2, stream, before).orElseThrow().values();
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainTwin() {
    Tensor x = torch.ones(2, 8).to(new Device("cuda"), ScalarType.Float);
    Tensor weight = x.narrow(0, 0, 1);
    Tensor bias = x.view(-1).narrow(0, 0, 1);
    FusedTokenGate.Gated gated =
        FusedTokenGate.compute(x, weight, bias, x, 1, null, List.of()).orElseThrow();
    assertEquals(2, gated.gates().size(0));
    assertEquals(1, gated.gates().size(1));
    Tensor wide = x.to(ScalarType.Double);
    assertTrue(
        FusedTokenGate.compute(wide, weight, bias, x, 1, null, List.of()).isEmpty(), "float64");
    Tensor half = bias.to(ScalarType.BFloat16);
    assertTrue(
        FusedTokenGate.compute(x, weight, half, x, 1, null, List.of()).isEmpty(), "types apart");
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(FusedTokenGate.compute(x, weight, bias, x, 1, null, List.of()).isEmpty(), "plain");
    }
  }
}
