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
class FusedRotationTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // batch, time, heads, head-dim, half, dimensions before x; angles of each row, float32 result
    "1, 1, 1, 2, 1, 0, false, false",
    "2, 7, 3, 64, 32, 0, false, false",
    "2, 130, 4, 64, 16, 8, true, false",
    "3, 33, 5, 80, 36, 4, true, true",
    "1, 50, 2, 10, 3, 1, false, true",
    "2, 1024, 16, 128, 64, 0, true, false"
  })
  void agreesWithFloat64AndThePlainTwin(
      int batch, int time, int heads, int dims, int half, int before, boolean each, boolean wide) {
    Tensor angles = Tensors.mul(random.values(each ? batch : 1, time, 1, half), 3.0);
    new Twins()
        .element(RotationInput.WHOLE, random.values(batch, time, before + heads * dims))
        .check(
            in -> {
              Tensor x = RotationInput.part(in, before, heads, dims);
              Rotation rotation = RotationInput.rotation(angles, x);
              ScalarType type = Tensors.type(wide ? Tensors.upcast(x) : x);
              assertTrue(FusedRotation.of(rotation, x, type).isPresent());
              return Map.of("y", rotation.apply(x, type));
            },
            in -> {
              Tensor x = RotationInput.part(in, before, heads, dims);
              ScalarType type = Tensors.type(wide ? Tensors.upcast(x) : x);
              return Map.of("y", RotationInput.rotation(angles, x).apply(x, type));
            });
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainTwin() {
    Tensor x = torch.ones(1, 2, 3, 8).to(new Device("cuda"), ScalarType.Float);
    Rotation rotation = RotationInput.rotation(torch.ones(1, 2, 1, 4), x);
    assertTrue(FusedRotation.of(rotation, x, ScalarType.Float).isPresent());
    assertTrue(FusedRotation.of(rotation, x, ScalarType.Double).isEmpty(), "float64");
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(FusedRotation.of(rotation, x, ScalarType.Float).isEmpty(), "plain");
    }
  }
}
