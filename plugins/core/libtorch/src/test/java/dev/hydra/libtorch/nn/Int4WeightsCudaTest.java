package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.QuantizedWeights;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.runtime.WeightCopies;
import dev.hydra.libtorch.runtime.WeightFormat;
import dev.hydra.testing.InScope;
import java.util.Arrays;
import java.util.List;
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

/** LibTorch's product by int4 on CUDA against float64 products of the rounded weights. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
@ExtendWith(InScope.class)
class Int4WeightsCudaTest {
  /** The most rows that go by the copies. */
  private static final int MOST_ROWS = 16;

  /** Tensor cores add up in float32, and the result is a bfloat16. */
  private static final double BOUND = 1.0 / 128;

  private static Tensor random(long... sizes) {
    return torch.randn(sizes).to(new Device("cuda:0"), ScalarType.BFloat16);
  }

  private static QuantizedWeights of(Tensor... weights) {
    return QuantizedWeights.of(
        WeightFormat.INT4,
        List.of(weights),
        () -> Arrays.stream(weights).forEach(each -> plain(each).apply(random(1, each.size(1)))));
  }

  private static Linear plain(Tensor weight) {
    return new Linear(weight, Optional.empty());
  }

  private static Tensor exact(Tensor tensor) {
    return tensor.cpu().to(ScalarType.Double);
  }

  private static Tensor expected(Tensor x, Tensor weight) {
    return exact(x).matmul(exact(weight).t());
  }

  private static void assertNear(Tensor expected, Tensor found) {
    assertArrayEquals(Tensors.sizes(expected), Tensors.sizes(found));
    Tensor off = exact(found).sub(expected).abs();
    double size = Math.sqrt(Tensors.number(expected.square().mean()));
    double most = Tensors.number(off.div(Tensors.add(expected.abs(), size)).max());
    assertTrue(most <= BOUND, () -> most + " > " + BOUND);
  }

  /** Inputs of one, two and four pairs of tiles, and what they are beside. */
  @ParameterizedTest
  @CsvSource({
    "1, 208, 160",
    "1, 512, 512",
    "3, 2048, 8192",
    "8, 272, 192",
    "16, 128256, 64",
    "17, 272, 96"
  })
  void productsAreThoseOfTheRoundedWeights(int rows, long out, long in) {
    try (Grad off = Grad.off()) {
      Tensor x = random(rows, 1, in);
      Tensor weight = random(out, in);
      Tensor bias = random(out);
      Tensor before = weight.clone();
      try (QuantizedWeights weights = of(weight);
          WeightCopies.Use use = weights.use()) {
        assertEquals(rows <= MOST_ROWS, WeightCopies.isTaken(x, weight));
        Tensor moved = exact(weight).sub(exact(before)).abs();
        assertTrue(Tensors.number(moved.max()) > 0, "nothing was rounded");
        assertNear(expected(x, weight), plain(weight).apply(x));
        assertNear(
            expected(x, weight).add(exact(bias)), new Linear(weight, Optional.of(bias)).apply(x));
      }
    }
  }

  @Test
  void zerosStandBehindResultsThatAreAligned() {
    try (Grad off = Grad.off()) {
      Tensor x = random(2, 1, 384);
      Tensor weight = random(1676, 384);
      try (QuantizedWeights weights = of(weight);
          WeightCopies.Use use = weights.use()) {
        Tensor found = plain(weight).applyAligned(x);
        assertArrayEquals(new long[] {2, 1, 1680}, Tensors.sizes(found));
        assertNear(expected(x, weight), found.narrow(2, 0, 1676));
        assertEquals(0, Tensors.number(exact(found.narrow(2, 1676, 4)).abs().max()));
      }
    }
  }

  /** Where some of the maps have copies, each goes its own way. */
  @Test
  void mapsOfOneInputMayHaveCopiesOrNot() {
    try (Grad off = Grad.off()) {
      Tensor x = random(2, 256);
      Tensor first = random(256, 256);
      Tensor whole = random(136, 256);
      Tensor up = random(256, 256);
      try (QuantizedWeights weights = of(first, up);
          WeightCopies.Use use = weights.use()) {
        Tensor[] found = Linear.applyAll(x, plain(first), plain(whole), plain(up));
        assertNear(expected(x, first), found[0]);
        assertNear(expected(x, whole), found[1]);
        assertNear(expected(x, up), found[2]);
        Tensor gated = GatedActivation.SILU.ofMaps(x, plain(first), plain(up), 1).tensor();
        Tensor gate = exact(found[0]);
        assertNear(gate.mul(gate.sigmoid()).mul(exact(found[2])), gated);
      }
    }
  }
}
