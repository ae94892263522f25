package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
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
class FusedGateTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // activation, rows, hidden, channels before the gate, multiplier
    "SILU, 1, 8, 0, 1",
    "GELU, 7, 40, 8, 0.7",
    "SILU, 13, 33, 1, 1",
    "GELU, 5, 2728, 4, 1",
    "SILU, 1000, 1536, 8, 0.7",
    "SILU, 333, 5461, 0, 1"
  })
  void agreesWithFloat64AndThePlainTwin(
      GatedActivation activation, int rows, int hidden, int before, double multiplier) {
    Twins twins =
        new Twins()
            .element("what the gate is a part of", spread(2, rows, before + hidden))
            .element("up", random.values(2, rows, hidden));
    twins.check(
        in -> {
          Tensor gate = in.get("what the gate is a part of").narrow(2, before, hidden);
          Tensor up = in.get("up");
          return Map.of(
              "y", FusedGate.of(activation, gate, up, multiplier).orElseThrow().apply(gate, up)[0]);
        },
        in -> {
          Tensor gate = in.get("what the gate is a part of").narrow(2, before, hidden);
          return Map.of("y", activation.plain(gate, in.get("up"), multiplier));
        });
  }

  @ParameterizedTest
  @CsvSource({"SILU, 5, 64", "GELU, 9, 20", "SILU, 3, 33", "GELU, 1, 1", "SILU, 700, 704"})
  void halvesAgreeWithFloat64AndThePlainTwin(GatedActivation activation, int rows, int hidden) {
    new Twins()
        .element("both", spread(rows, 2L * hidden))
        .check(
            in -> {
              Tensor both = in.get("both");
              return Map.of("y", FusedGate.of(activation, both).orElseThrow().apply(both)[0]);
            },
            in -> Map.of("y", activation.plainOfHalves(in.get("both"))));
  }

  /** Values that reach where the activations are flat. */
  private Tensor spread(long... sizes) {
    return Tensors.mul(random.values(sizes), 3.0);
  }

  @Test
  void farFromZeroNothingOverflows() {
    Tensor gate =
        Tensor.create(-1e30, -1e4, -100, 0, 100, 1e4, 1e30)
            .to(new Device("cuda"), ScalarType.Float)
            .set_requires_grad(true);
    for (GatedActivation activation : GatedActivation.values()) {
      Tensor y = activation.apply(gate.view(1, 7), torch.ones_like(gate).view(1, 7)).tensor();
      y.sum().backward();
      assertTrue(!Tensors.any(y.isnan()), activation + " gives NaN");
      assertTrue(!Tensors.any(gate.grad().isnan()), activation + " has a NaN gradient");
      gate.mutable_grad().reset();
    }
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainTwin() {
    Tensor x = torch.ones(2, 8).to(new Device("cuda"), ScalarType.Float);
    assertTrue(FusedGate.of(GatedActivation.SILU, x).isPresent());
    assertTrue(FusedGate.of(GatedActivation.SILU, x.to(ScalarType.Double)).isEmpty(), "float64");
    assertTrue(
        FusedGate.of(GatedActivation.SILU, x, x.to(ScalarType.BFloat16), 1).isEmpty(), "types");
    CustomFunction.inlined(
        () -> assertTrue(FusedGate.of(GatedActivation.SILU, x).isEmpty(), "inlined"));
  }
}
