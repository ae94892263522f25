package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Int8WeightsTest {
  /** Half of the distance of two bfloat16 between 1 and 2, the rounding of a result. */
  private static final double HALF_UNIT = 1.0 / 256;

  private static Tensor random(long... sizes) {
    return torch.randn(sizes).to(ScalarType.BFloat16);
  }

  /** Rows of very different size, one of them zero. */
  private static Tensor rows(long count, long in) {
    Tensor sizes = Tensors.mul(torch.randn(count, 1), 8.0).exp();
    sizes.select(0, 0).zero_();
    return torch.randn(count, in).mul(sizes).to(ScalarType.BFloat16);
  }

  private static double most(Tensor tensor) {
    return Tensors.number(tensor.to(ScalarType.Double).max());
  }

  private static Tensor exact(Tensor tensor) {
    return tensor.to(ScalarType.Double);
  }

  private static Int8Weights of(Tensor weight) {
    Tensor x = random(1, weight.size(-1));
    return Int8Weights.of(
        List.of(weight),
        () -> {
          if (weight.dim() == 2) {
            Tensors.linear(x, weight);
          } else {
            WeightCopies.stack(weight);
          }
        });
  }

  @Test
  void aWeightIsOffByHalfAScaleAtMost() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor weight = rows(300, 256);
      Tensor before = exact(weight);
      Int8Rounding rounded = Int8Rounding.of(weight);
      Tensor scales = exact(rounded.scales()).unsqueeze(1);
      Tensor values = exact(rounded.numbers()).mul(scales);
      assertEquals(127, most(rounded.numbers().abs()));
      assertTrue(most(values.sub(before).abs().sub(Tensors.mul(scales, 0.5))) <= 0);
      assertEquals(0, most(exact(weight).sub(exact(values.to(ScalarType.BFloat16))).abs()));
    }
  }

  /** A model is rounded by each engine that is opened with it, and after each swap. */
  @Test
  void whatIsRoundedStaysAsItIs() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor weight = rows(2000, 128);
      Int8Rounding first = Int8Rounding.of(weight);
      Tensor once = weight.clone();
      Int8Rounding second = Int8Rounding.of(weight);
      assertTrue(weight.equal(once));
      Tensor values = Tensors.slice(first.numbers(), 0, 1, 2000);
      assertTrue(values.equal(Tensors.slice(second.numbers(), 0, 1, 2000)));
      assertTrue(first.scales().equal(second.scales()));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4, 5, 40})
  void productsAreThoseOfTheRoundedWeights(int count) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor x = random(count, 1, 144);
      Tensor weight = random(200, 144);
      Tensor bias = random(200);
      Tensor copy = weight.clone();
      Int8Rounding rounded = Int8Rounding.of(copy);
      Tensor values = exact(rounded.numbers()).mul(exact(rounded.scales()).unsqueeze(1));
      Tensor plain = exact(x).matmul(values.t());
      try (Int8Weights weights = of(weight);
          WeightCopies.Use use = weights.use()) {
        assertEquals(count <= 4, WeightCopies.product(x, weight, null).isPresent());
        // Of few rows only the result is rounded; of many the weights are bfloat16, too.
        double bound = count <= 4 ? HALF_UNIT : 3 * HALF_UNIT;
        assertOff(Tensors.linear(x, weight), plain, bound);
        assertOff(Tensors.linear(x, weight, bias), plain.add(exact(bias)), 3 * HALF_UNIT);
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
  @Test
  void xMayLieAnywhere() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor weight = random(256, 128);
      try (Int8Weights weights = of(weight);
          WeightCopies.Use use = weights.use()) {
        for (long at = 0; at < 33; at++) {
          Tensor x = random(1000).narrow(0, at, 128).view(1, 128);
          Tensor strided = random(128, 3).t().narrow(0, 1, 2);
          assertOff(Tensors.linear(x, weight), exact(x).matmul(exact(weight).t()), 0.02);
          assertOff(
              Tensors.linear(strided, weight), exact(strided).matmul(exact(weight).t()), 0.02);
        }
      }
    }
  }

  @Test
  void matricesOfStacksAreRoundedToo() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor stack = random(3, 144, 128);
      Tensor few = random(2, 128);
      Tensor many = random(9, 128);
      try (Int8Weights weights = of(stack);
          WeightCopies.Use use = weights.use()) {
        for (int i = 0; i < 3; i++) {
          Tensor expected = exact(stack.select(0, i)).t();
          WeightCopies.OfStack products = WeightCopies.stack(stack).orElseThrow();
          assertOff(products.product(few, i), exact(few).matmul(expected), 0.02);
          assertOff(products.product(many, i), exact(many).matmul(expected), 0.02);
        }
      }
    }
  }

  /** What the pass does not multiply by stays as it is, and what is small, wide or odd. */
  @Test
  void othersAreNotRounded() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
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
      try (Int8Weights weights = Int8Weights.of(all, pass);
          WeightCopies.Use use = weights.use()) {
        for (int i = 0; i < all.size(); i++) {
          assertTrue(all.get(i).equal(before.get(i)));
          assertFalse(WeightCopies.product(random(1, 128), all.get(i), null).isPresent());
        }
      }
    }
  }

  @Test
  void roundingWithoutCopiesIsTheSame() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor weight = random(144, 128);
      Tensor other = weight.clone();
      of(weight).close();
      Tensor x = random(1, 128);
      Int8Weights.round(List.of(other), () -> Tensors.linear(x, other));
      assertTrue(weight.equal(other));
      assertEquals(Optional.empty(), WeightCopies.product(x, other, null));
    }
  }

  @Test
  void nothingIsLeftOfThem() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor stack = random(3, 144, 128);
      of(stack).close(); // what is made once for the process
      long before = Scopes.liveHandles();
      try (PointerScope inner = new PointerScope()) {
        of(stack).close();
      }
      assertEquals(before, Scopes.liveHandles());
    }
  }
}
