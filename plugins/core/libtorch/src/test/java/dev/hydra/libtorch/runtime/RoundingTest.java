package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(InScope.class)
class RoundingTest {
  /** Rows of very different size, one of them zero. */
  private static Tensor rows(long count, long in) {
    Tensor sizes = Tensors.mul(torch.randn(count, 1), 8.0).exp();
    sizes.select(0, 0).zero_();
    return torch.randn(count, in).mul(sizes).to(ScalarType.BFloat16);
  }

  private static Tensor exact(Tensor tensor) {
    return tensor.to(ScalarType.Double);
  }

  /** What a rounding stands for, in float64. */
  static Tensor values(Rounding rounded) {
    Tensor scales = exact(rounded.scales()).unsqueeze(-1);
    Tensor groups = exact(rounded.numbers()).view(scales.size(0), scales.size(1), -1);
    return groups.mul(scales).view(Tensors.sizes(rounded.numbers()));
  }

  private static double least(Tensor tensor) {
    return Tensors.number(exact(tensor).min());
  }

  private static double most(Tensor tensor) {
    return Tensors.number(exact(tensor).max());
  }

  /**
   * On the side that has an integer less, what lies beyond the last one is off by a scale. In int4
   * the matrix is the same numbers as the copy.
   */
  @ParameterizedTest
  @EnumSource
  void aWeightIsOffByHalfAScale(WeightFormat format) {
    try (Grad off = Grad.off()) {
      Tensor weight = rows(300, 256);
      Tensor before = exact(weight);
      Rounding rounded = format.round(weight);
      boolean four = format == WeightFormat.INT4;
      assertEquals(four ? -8 : -127, least(rounded.numbers()));
      assertTrue(most(rounded.numbers()) <= (four ? 7 : 127));
      Tensor steps =
          before
              .view(300, rounded.scales().size(1), -1)
              .div(exact(rounded.scales()).unsqueeze(-1))
              .view(300, 256);
      Tensor away = steps.sub(exact(rounded.numbers()));
      assertTrue(least(away) >= -0.5);
      Tensor between = steps.lt(Tensors.zeros(steps, ScalarType.Double, 1).add(exact(half(four))));
      assertTrue(most(away.mul(exact(between))) <= 0.5);
      assertTrue(most(away) <= (four ? 1.25 : 0.5)); // 8 by a scale that 5 bits made 1/32 less
      Tensor meant = values(rounded);
      Tensor kept = four ? meant : exact(meant.to(ScalarType.BFloat16));
      assertEquals(0, most(exact(weight).sub(kept).abs()));
    }
  }

  private static Tensor half(boolean four) {
    return Tensors.mul(torch.ones(1), four ? 7.5 : 127.5);
  }

  @ParameterizedTest
  @EnumSource
  void whatIsRoundedStaysAsItIs(WeightFormat format) {
    try (Grad off = Grad.off()) {
      Tensor weight = rows(2000, 128);
      Rounding first = format.round(weight);
      Tensor once = weight.clone();
      Rounding second = format.round(weight);
      assertTrue(weight.equal(once));
      assertTrue(first.numbers().equal(second.numbers()));
      assertTrue(first.scales().equal(second.scales()));
    }
  }

  /** A model is rounded by each engine that is opened with it, and after each swap. */
  @ParameterizedTest
  @EnumSource
  void everyScaleIsFoundAgain(WeightFormat format) {
    try (Grad off = Grad.off()) {
      Tensor largest = Tensors.range(128, 256, torch.zeros(1)).to(ScalarType.Double);
      Tensor shares = Tensors.range(-127, 129, torch.zeros(1)).to(ScalarType.Double);
      Tensor weight =
          Tensors.mul(largest.unsqueeze(1).mul(shares), 1 / 127.0).to(ScalarType.BFloat16);
      Rounding first = format.round(weight);
      Tensor once = weight.clone();
      Rounding second = format.round(weight);
      assertTrue(weight.equal(once));
      assertTrue(first.scales().equal(second.scales()));
      assertTrue(first.numbers().equal(second.numbers()));
    }
  }
}
