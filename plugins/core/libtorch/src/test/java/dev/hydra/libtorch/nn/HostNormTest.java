package dev.hydra.libtorch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(InScope.class)
class HostNormTest {
  private static final ScalarType FLOAT = ScalarType.Float;
  private static final ScalarType BF16 = ScalarType.BFloat16;

  @ParameterizedTest
  @CsvSource({
    // groups of channels, weights: none, of a group or of all; result, bound
    "1, 96, Float, 1e-6",
    "1, 0, Float, 1e-6",
    "4, 24, Float, 1e-6",
    "4, 96, BFloat16, 8e-3",
    "4, 0, BFloat16, 8e-3",
  })
  void agreesWithThePlainTwinInFloat64(int groups, int weights, ScalarType type, double bound) {
    Optional<Tensor> weight =
        weights == 0 ? Optional.empty() : Optional.of(Tensors.add(torch.randn(weights), 1));
    double factor = weights == 0 ? 0.5 : 1;
    NormInput in = input(torch.randn(3, 1, 96), Optional.empty(), weight, groups, factor, type);
    Tensor x = in.x().to(ScalarType.Double);
    NormInput exact =
        input(
            x,
            Optional.empty(),
            weight.map(w -> w.to(ScalarType.Double)),
            groups,
            factor,
            ScalarType.Double);
    try (Grad off = Grad.off()) {
      Tensor[] found = HostNorm.of(in).orElseThrow().compute();
      assertThat(found[0]).isSameAs(in.x());
      assertThat(Tensors.type(found[1])).isEqualTo(type);
      Tensor expected = exact.plainNorm(x);
      assertTrue(found[1].to(ScalarType.Double).allclose(expected, bound, bound, false));
    }
  }

  @Test
  void addsToTheStreamAsLibTorchDoes() {
    Tensor stream = torch.randn(2, 1, 64);
    Tensor y = torch.randn(2, 1, 64).to(BF16);
    NormInput in =
        input(y, Optional.of(stream), Optional.of(Tensors.add(torch.randn(64), 1)), 1, 1, BF16);
    try (Grad off = Grad.off()) {
      Tensor[] found = HostNorm.of(in).orElseThrow().compute();
      assertTrue(found[0].equal(in.plainSum()));
      Tensor norm = in.plainNorm(found[0]);
      assertTrue(found[1].to(FLOAT).allclose(norm.to(FLOAT), 8e-3, 1e-6, false));
    }
  }

  @Test
  void aRowIsTheSameAloneAndAmongOthers() {
    Tensor x = torch.randn(40, 1, 96);
    try (Grad off = Grad.off()) {
      Tensor all = norm(x);
      for (long row = 0; row < 40; row++) {
        assertTrue(norm(x.narrow(0, row, 1)).equal(all.narrow(0, row, 1)), "row " + row);
      }
    }
  }

  private static Tensor norm(Tensor x) {
    return HostNorm.of(input(x, Optional.empty(), Optional.empty(), 1, 1, BF16))
        .orElseThrow()
        .compute()[1];
  }

  @Test
  void isForATokenOfEachTextWithoutGradient() {
    assertFalse(isTaken(torch.randn(3, 1, 96), FLOAT), "gradients may be recorded");
    try (Grad off = Grad.off()) {
      assertTrue(isTaken(torch.randn(3, 1, 96), FLOAT));
      assertTrue(isTaken(torch.randn(3, 1, 96).to(BF16), FLOAT));
      assertFalse(isTaken(torch.randn(3, 2, 96), FLOAT), "two tokens");
      assertFalse(isTaken(torch.randn(3, 96), FLOAT), "no texts");
      assertTrue(isTaken(torch.randn(3, 1, 96).to(BF16), BF16));
      Optional<Tensor> narrow = Optional.of(torch.randn(3, 1, 96).to(BF16));
      NormInput summed = input(torch.randn(3, 1, 96), narrow, Optional.empty(), 1, 1, BF16);
      assertFalse(HostNorm.of(summed).isPresent(), "a sum in bfloat16");
      assertFalse(isTaken(torch.randn(3, 1, 96).to(ScalarType.Double), FLOAT), "float64");
    }
  }

  private static boolean isTaken(Tensor x, ScalarType type) {
    return HostNorm.of(input(x, Optional.empty(), Optional.empty(), 1, 1, type)).isPresent();
  }

  private static NormInput input(
      Tensor x,
      Optional<Tensor> residual,
      Optional<Tensor> weight,
      int groups,
      double factor,
      ScalarType type) {
    return new NormInput(x, residual, weight, x.size(-1) / groups, factor, 1e-5, type);
  }
}
