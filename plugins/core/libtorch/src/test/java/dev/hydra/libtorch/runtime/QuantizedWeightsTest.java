package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.testing.Handles;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizedWeightsTest extends WeightCopiesFixture {
  /** Half of the distance of two bfloat16 between 1 and 2, the rounding of a result. */
  private static final double HALF_UNIT = 1.0 / 256;

  private static double most(Tensor tensor) {
    return Tensors.number(tensor.to(ScalarType.Double).max());
  }

  private static Tensor exact(Tensor tensor) {
    return tensor.to(ScalarType.Double);
  }

  private static QuantizedWeights of(WeightFormat format, Tensor weight) {
    Tensor x = random(1, weight.size(-1));
    return QuantizedWeights.of(
        format,
        List.of(weight),
        () -> {
          if (weight.dim() == 2) {
            Tensors.linear(x, weight);
          } else {
            WeightCopies.stack(weight);
          }
        });
  }

  @ParameterizedTest
  @CsvSource({
    "1, INT8",
    "3, INT8",
    "4, INT8",
    "5, INT8",
    "40, INT8",
    "1, INT4",
    "4, INT4",
    "5, INT4"
  })
  void productsAreThoseOfTheRoundedWeights(int count, WeightFormat format) {
    Tensor x = random(count, 1, 160);
    Tensor weight = random(208, 160);
    Tensor bias = random(208);
    Tensor plain = exact(x).matmul(RoundingTest.values(format.round(weight.clone())).t());
    try (QuantizedWeights weights = of(format, weight);
        WeightCopies.Use use = weights.use()) {
      boolean taken = count <= 4 || format == WeightFormat.INT8;
      assertEquals(taken, WeightCopies.product(x, weight, null).isPresent());
      assertOff(Tensors.linear(x, weight), plain, HALF_UNIT); // only the result is rounded
      assertOff(Tensors.linear(x, weight, bias), plain.add(exact(bias)), 3 * HALF_UNIT);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {2, 4, 5, 8, 37})
  void aRowInInt8IsTheSameWhateverIsBesideIt(long count) {
    Tensor x = random(count, 1104);
    Tensor weight = random(1001, 1104);
    Tensor bias = random(1001);
    try (QuantizedWeights weights = of(WeightFormat.INT8, weight);
        WeightCopies.Use use = weights.use()) {
      Tensor together = Tensors.linear(x, weight, bias);
      for (long i = 0; i < count; i++) {
        Tensor alone = Tensors.linear(x.narrow(0, i, 1), weight, bias);
        assertTrue(alone.equal(together.narrow(0, i, 1)), "row " + i);
      }
    }
  }

  private static void assertOff(Tensor found, Tensor expected, double bound) {
    assertArrayEquals(Tensors.sizes(expected), Tensors.sizes(found));
    Tensor off = exact(found).sub(expected).abs();
    double size = Math.sqrt(Tensors.number(expected.square().mean()));
    double most = most(off.div(Tensors.add(expected.abs(), size)));
    assertTrue(most <= bound, () -> most + " > " + bound);
  }

  /** The kernel reads x by instructions that want addresses of a multiple of 32. */
  @ParameterizedTest
  @EnumSource
  void xMayLieAnywhere(WeightFormat format) {
    Tensor weight = random(256, 128);
    try (QuantizedWeights weights = of(format, weight);
        WeightCopies.Use use = weights.use()) {
      for (long at = 0; at < 33; at++) {
        Tensor x = random(1000).narrow(0, at, 128).view(1, 128);
        Tensor strided = random(128, 3).t().narrow(0, 1, 2);
        assertOff(Tensors.linear(x, weight), exact(x).matmul(exact(weight).t()), 0.02);
        assertOff(Tensors.linear(strided, weight), exact(strided).matmul(exact(weight).t()), 0.02);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void matricesOfStacksAreRoundedToo(WeightFormat format) {
    Tensor stack = random(3, 144, 128);
    Tensor few = random(2, 128);
    Tensor many = random(9, 128);
    try (QuantizedWeights weights = of(format, stack);
        WeightCopies.Use use = weights.use()) {
      for (int i = 0; i < 3; i++) {
        Tensor expected = exact(stack.select(0, i)).t();
        WeightCopies.OfStack products = WeightCopies.stack(stack).orElseThrow();
        assertOff(products.product(few, i), exact(few).matmul(expected), 0.02);
        assertOff(products.product(many, i), exact(many).matmul(expected), 0.02);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void matricesThatThePassMultipliesTogetherAreOneCopy(WeightFormat format) {
    List<Tensor> both = List.of(random(144, 128), random(208, 128));
    Tensor few = random(4, 128);
    Runnable pass =
        () -> {
          WeightCopies.joint(few, both, List.of());
          both.forEach(weight -> Tensors.linear(few, weight));
        };
    try (QuantizedWeights weights = QuantizedWeights.of(format, both, pass);
        WeightCopies.Use use = weights.use()) {
      Tensor all = Tensors.cat(0, both.toArray(Tensor[]::new));
      Tensor found = WeightCopies.joint(few, both, List.of()).orElseThrow();
      assertOff(found, exact(few).matmul(exact(all).t()), 0.02);
      boolean many = WeightCopies.joint(random(5, 128), both, List.of()).isPresent();
      assertEquals(format == WeightFormat.INT8, many);
      for (Tensor weight : both) {
        assertFalse(WeightCopies.product(few, weight, null).isPresent());
        Tensor alone = weight.clone();
        format.round(alone);
        assertTrue(alone.equal(weight), "is rounded");
      }
    }
  }

  /** What the pass does not multiply by stays as it is, and what is small, wide or odd. */
  @Test
  void othersAreNotRounded() {
    Tensor table = random(144, 128);
    Tensor small = random(2, 128);
    Tensor odd = random(144, 136);
    Tensor wide = torch.randn(144, 128);
    List<Tensor> all = List.of(table, small, odd, wide);
    List<Tensor> before = all.stream().map(Tensor::clone).toList();
    Runnable pass =
        () -> {
          Tensors.linear(random(1, 128), small);
          Tensors.linear(random(1, 136), odd);
          Tensors.linear(torch.randn(1, 128), wide);
        };
    try (QuantizedWeights weights = QuantizedWeights.of(WeightFormat.INT8, all, pass);
        WeightCopies.Use use = weights.use()) {
      for (int i = 0; i < all.size(); i++) {
        assertTrue(all.get(i).equal(before.get(i)));
        assertFalse(WeightCopies.product(random(1, 128), all.get(i), null).isPresent());
      }
      assertEquals(List.of("144 x 136"), weights.kept());
    }
  }

  /** A matrix is laid out in parts, and the last one is smaller. */
  @Test
  void largeMatricesInFourBitsAreWholeOnes() {
    Tensor weight = random(1104, 8192);
    Tensor x = random(2, 8192);
    try (QuantizedWeights weights = of(WeightFormat.INT4, weight);
        WeightCopies.Use use = weights.use()) {
      assertOff(Tensors.linear(x, weight), exact(x).matmul(exact(weight).t()), 0.02);
    }
  }

  /** Products in 4 bits are of multiples of 16 outputs. */
  @Test
  void outputsOfAnyNumberAreTaken() {
    Tensor weight = random(150, 128);
    Tensor bias = random(150);
    try (QuantizedWeights weights = of(WeightFormat.INT4, weight);
        WeightCopies.Use use = weights.use()) {
      for (int rows = 1; rows <= 4; rows++) {
        Tensor x = random(rows, 128);
        Tensor found = Tensors.linear(x, weight, bias);
        assertTrue(found.is_contiguous());
        assertOff(found, exact(x).matmul(exact(weight).t()).add(exact(bias)), 0.02);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void roundingWithoutCopiesIsTheSame(WeightFormat format) {
    Tensor weight = random(144, 128);
    Tensor other = weight.clone();
    of(format, weight).close();
    Tensor x = random(1, 128);
    QuantizedWeights.round(format, List.of(other), () -> Tensors.linear(x, other));
    assertTrue(weight.equal(other));
    assertEquals(Optional.empty(), WeightCopies.product(x, other, null));
  }

  @ParameterizedTest
  @EnumSource
  void nothingIsLeftOfThem(WeightFormat format) {
    Tensor stack = random(3, 144, 128);
    Handles.assertFlat(50, () -> of(format, stack).close());
  }
}
