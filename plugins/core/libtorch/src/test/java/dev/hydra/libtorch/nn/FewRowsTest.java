package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
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

/** Linear maps of a few rows by their kernel: against float64, and the same whatever is beside. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FewRowsTest {
  private static final Device CUDA = new Device("cuda:0");
  private static final int MOST = 8;

  @ParameterizedTest
  @CsvSource({
    // rows, in, out
    "1, 2048, 2048",
    "8, 2048, 512",
    "3, 8192, 2048",
    "2, 4104, 77",
    "5, 8, 3",
    "7, 392, 1001",
    "4, 2056, 50257",
  })
  void agreesWithFloat64(long rows, long in, long out) {
    for (boolean biased : new boolean[] {false, true}) {
      Linear map = map(out, in, biased);
      Tensor x = random(rows, in);
      assertClose(expected(map, x), fused(x, map, 0));
    }
  }

  @ParameterizedTest
  @CsvSource({"2048", "8192", "200"})
  void aRowIsTheSameWhateverIsBesideIt(long in) {
    Linear map = map(333, in, true);
    Linear other = map(64, in, false);
    Linear third = map(17, in, true);
    Tensor x = random(MOST, in);
    Tensor all = fused(x, map, 0);
    for (int rows = 1; rows < MOST; rows++) {
      assertTrue(fused(x.narrow(0, 0, rows), map, 0).equal(all.narrow(0, 0, rows)));
      assertTrue(fused(x.narrow(0, rows, 1), map, 0).equal(all.narrow(0, rows, 1)));
    }
    try (Grad off = Grad.off()) {
      Tensor[] together = Linear.applyAll(x, other, map, third);
      assertTrue(together[0].equal(fused(x, other, 0)));
      assertTrue(together[1].equal(all));
      assertTrue(together[2].equal(fused(x, third, 0)));
      assertTrue(Linear.applyAll(x, third, map)[1].equal(all));
    }
  }

  @Test
  void zerosFollowWherePaddingIsAskedFor() {
    Linear map = map(45, 256, true);
    Tensor x = random(2, 3, 256).narrow(1, 1, 2); // rows that are not neighbours
    Tensor padded = fused(x, map, 20);
    assertArrayEquals(new long[] {2, 2, 65}, Tensors.sizes(padded));
    assertClose(expected(map, x), padded.narrow(2, 0, 45));
    assertEquals(0, Tensors.number(Tensors.upcast(padded.narrow(2, 45, 20)).abs().max()));
  }

  @Test
  void isForAFewRowsInBfloat16WithoutGradientOnly() {
    Linear map = map(16, 64, false);
    Linear wide = new Linear(map.weight().to(ScalarType.Float), Optional.empty());
    assertTrue(FewRows.of(random(1, 64), map).isEmpty(), "a gradient may be wanted");
    try (Grad off = Grad.off()) {
      assertTrue(FewRows.of(random(2, 4, 64), map).isPresent());
      assertTrue(FewRows.of(random(3, 3, 64), map).isEmpty(), "nine rows");
      assertTrue(FewRows.of(random(1, 64).to(ScalarType.Float), wide).isEmpty(), "float32");
      assertTrue(FewRows.of(random(1, 64), map, wide).isEmpty(), "one of the maps in float32");
      assertTrue(FewRows.of(random(1, 63), map(16, 63, false)).isEmpty(), "63 inputs");
      try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
        assertTrue(FewRows.of(random(1, 64), map).isEmpty(), "no kernels are wanted");
      }
    }
  }

  private static Tensor fused(Tensor x, Linear map, long padding) {
    try (Grad off = Grad.off();
        KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      return FewRows.of(x, map).orElseThrow().compute(x, padding, map)[0];
    }
  }

  private static Tensor expected(Linear map, Tensor x) {
    return new Linear(
            map.weight().to(ScalarType.Double), map.bias().map(b -> b.to(ScalarType.Double)))
        .apply(x.to(ScalarType.Double));
  }

  private static void assertClose(Tensor expected, Tensor actual) {
    Tensor off = actual.to(ScalarType.Double).sub(expected).norm().div(expected.norm());
    assertTrue(Tensors.number(off) < 3e-3, "is off by " + Tensors.number(off));
  }

  private static Linear map(long out, long in, boolean biased) {
    return new Linear(random(out, in), biased ? Optional.of(random(out)) : Optional.empty());
  }

  private static Tensor random(long... sizes) {
    return torch.randn(sizes).to(CUDA, ScalarType.BFloat16);
  }
}
