package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Optional;
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

/** Gate, up and activation of a few rows by one kernel: the bits of those for each. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FewGatedRowsTest {
  private static final Device CUDA = new Device("cuda:0");

  @ParameterizedTest
  @CsvSource({
    // rows, in, hidden, multiplier
    "1, 2048, 8192, 1",
    "3, 2048, 8192, 0.7",
    "8, 2048, 8192, 1",
    "1, 4104, 77, 1",
    "3, 392, 1001, 1",
    "8, 8, 3, 0.7",
  })
  void hasTheBitsOfTwoKernels(long rows, long in, long hidden, double multiplier) {
    for (GatedActivation activation : GatedActivation.values()) {
      for (boolean biased : new boolean[] {false, true}) {
        Linear gate = map(hidden, in, biased);
        Linear up = map(hidden, in, !biased);
        Tensor x = random(rows, in);
        Tensor expected = byTwo(activation, x, gate, up, multiplier);
        assertTrue(fused(activation, x, gate, up, multiplier).equal(expected), activation::name);
      }
    }
  }

  @Test
  void takesRowsThatAreNotNeighbours() {
    Linear gate = map(48, 256, false);
    Linear up = map(48, 256, false);
    Tensor x = random(2, 3, 256).narrow(1, 1, 2);
    Tensor y = fused(GatedActivation.SILU, x, gate, up, 1);
    assertArrayEquals(new long[] {2, 2, 48}, Tensors.sizes(y));
    assertTrue(y.equal(byTwo(GatedActivation.SILU, x, gate, up, 1)));
  }

  @ParameterizedTest
  @CsvSource({
    // rows, in, hidden
    "9, 64, 16",
    "1, 63, 16",
  })
  void whatItCannotComputeIsLeftToOthers(long rows, long in, long hidden) {
    Linear gate = map(hidden, in, false);
    Linear up = map(hidden, in, false);
    Tensor x = random(rows, in);
    try (Grad off = Grad.off()) {
      assertTrue(FewGatedRows.of(GatedActivation.SILU, x, gate, up).isEmpty());
      Tensor[] both = Linear.applyAll(x, gate, up);
      assertTrue(
          GatedActivation.SILU
              .ofMaps(x, gate, up, 1)
              .tensor()
              .equal(GatedActivation.SILU.apply(both[0], both[1]).tensor()));
    }
  }

  @Test
  void isForMapsOfOneShapeWithoutGradientOnly() {
    Tensor x = random(1, 64);
    Linear gate = map(16, 64, false);
    assertTrue(FewGatedRows.of(GatedActivation.SILU, x, gate, gate).isEmpty(), "a gradient");
    try (Grad off = Grad.off()) {
      assertTrue(FewGatedRows.of(GatedActivation.SILU, x, gate, gate).isPresent());
      Linear other = map(24, 64, false);
      assertTrue(FewGatedRows.of(GatedActivation.SILU, x, gate, other).isEmpty(), "24 outputs");
    }
  }

  private static Tensor fused(
      GatedActivation activation, Tensor x, Linear gate, Linear up, double multiplier) {
    try (Grad off = Grad.off();
        KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      return FewGatedRows.of(activation, x, gate, up)
          .orElseThrow()
          .compute(x, gate, up, multiplier);
    }
  }

  private static Tensor byTwo(
      GatedActivation activation, Tensor x, Linear gate, Linear up, double multiplier) {
    try (Grad off = Grad.off();
        KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Tensor[] both = FewRows.of(x, gate, up).orElseThrow().compute(x, 0, gate, up);
      return FusedGate.of(activation, both[0], both[1], multiplier)
          .orElseThrow()
          .apply(both[0], both[1])[0];
    }
  }

  /** A map to values of about the size of one. */
  private static Linear map(long out, long in, boolean biased) {
    Tensor weight = Tensors.mul(torch.randn(out, in), Math.sqrt(1.0 / in));
    return new Linear(
        weight.to(CUDA, ScalarType.BFloat16), biased ? Optional.of(random(out)) : Optional.empty());
  }

  private static Tensor random(long... sizes) {
    return torch.randn(sizes).to(CUDA, ScalarType.BFloat16);
  }
}
