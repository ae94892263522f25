package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.nn.Rotation;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.mixer.attention.RopeScaling.Ramp;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rotary angles by their kernel are those of LibTorch's operators. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class RotaryAnglesTest {
  private static final double ULP = 1.2e-7;

  @ParameterizedTest
  @CsvSource({"64, 10000", "128, 500000", "6, 3", "2, 10000"})
  void areThoseOfOperators(int dims, double theta) {
    check(new Rope(dims, theta, Optional.empty()));
  }

  @Test
  void scaledOnesAreThoseOfOperators() {
    RopeScaling linear = new RopeScaling("linear", 2, 1, Ramp.NONE);
    RopeScaling llama3 =
        new RopeScaling("llama3", 32, 1, Ramp.between(false, 8192 / (2 * Math.PI), 1, 4));
    RopeScaling yarn = new RopeScaling("yarn", 4, 1.14, Ramp.between(true, -1, -24, -9));
    for (RopeScaling scaling : List.of(linear, llama3, yarn)) {
      check(new Rope(64, 500_000, Optional.of(scaling)));
    }
  }

  private static void check(Rope rope) {
    Tensor positions =
        Tensor.create(0L, 1L, 63L, 1_000L, 123_456L, 99_999_999L)
            .view(2, 3)
            .to(new Device("cuda:0"), ScalarType.Long);
    Rotation expected = rotation(rope, positions, KernelMode.PLAIN);
    Rotation found = rotation(rope, positions, KernelMode.FUSED);
    assertNear(expected.cos(), found.cos());
    assertNear(expected.sin(), found.sin());
    Rotation strided = rotation(rope, positions.t(), KernelMode.FUSED);
    assertTrue(strided.cos().equal(found.cos().transpose(0, 1)));
  }

  @Test
  void ofNoTokensThereAreNone() {
    Tensor none = Tensor.create(new long[0]).view(0, 1).to(new Device("cuda:0"), ScalarType.Long);
    Rope rope = new Rope(8, 100, Optional.empty());
    assertEquals(0, rotation(rope, none, KernelMode.FUSED).cos().numel());
  }

  private static Rotation rotation(Rope rope, Tensor positions, KernelMode mode) {
    try (KernelMode.Setting kernels = mode.set()) {
      return rope.at(positions, ScalarType.Float);
    }
  }

  private static void assertNear(Tensor expected, Tensor found) {
    assertArrayEquals(Tensors.sizes(expected), Tensors.sizes(found));
    double off = Tensors.number(found.sub(expected).abs().max());
    assertTrue(off <= ULP, "off by " + off);
  }
}
