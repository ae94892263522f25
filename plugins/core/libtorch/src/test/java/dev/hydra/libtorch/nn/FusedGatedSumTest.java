package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.KernelMode;
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
class FusedGatedSumTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // rows, width, elements of y before, scale
    "1, 1, 0, 1",
    "7, 33, 0, 0.5",
    "5, 64, 3, 1",
    "3000, 768, 0, 1",
    "1024, 2048, 8, 2"
  })
  void agreesWithFloat64AndThePlainTwin(int rows, int width, int before, double scale) {
    // The stream and the gate are kept in float32 beside bfloat16, as parameters may be.
    Twins twins =
        new Twins()
            .weight("the stream", random.values(2, rows, width))
            .element("what y is a part of", Tensors.add(random.values(2, rows, before + width), 1))
            .weight("the gate", Tensor.create(0.15));
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      twins.check(
          in -> {
            Tensor y = in.get("what y is a part of").narrow(2, before, width);
            return Map.of(
                "the sum",
                FusedGatedSum.compute(in.get("the stream"), y, in.get("the gate"), scale)
                    .orElseThrow());
          },
          in -> {
            Tensor y = Tensors.upcast(in.get("what y is a part of").narrow(2, before, width));
            Tensor gated = Tensors.scaled(y, scale).mul(in.get("the gate"));
            return Map.of("the sum", in.get("the stream").add(gated));
          },
          type,
          ScalarType.Float);
    }
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainTwin() {
    Tensor x = torch.ones(2, 8).to(new Device("cuda"), ScalarType.Float);
    Tensor gate = x.view(-1).narrow(0, 0, 1);
    assertTrue(FusedGatedSum.compute(x, x, gate, 1).isPresent());
    Tensor wide = x.to(ScalarType.Double);
    assertTrue(FusedGatedSum.compute(wide, wide, gate, 1).isEmpty(), "float64");
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(FusedGatedSum.compute(x, x, gate, 1).isEmpty(), "plain");
    }
  }
}
