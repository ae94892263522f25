package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(InScope.class)
class HostRotationTest {
  @ParameterizedTest
  @CsvSource({
    // texts, whether each has angles of its own, half, type of x, of the result
    "1, false, 8, Float, Float",
    "3, true, 8, BFloat16, Float",
    "3, false, 5, Float, BFloat16",
    "3, true, 1, BFloat16, BFloat16",
  })
  void hasTheBitsOfThePlainTwin(int texts, boolean each, int half, ScalarType from, ScalarType to) {
    Rotation rotation = rotation(each ? texts : 1, half);
    // a part of wider rows, as queries are of a product of all
    Tensor x = torch.randn(texts, 1, 6, 16).to(from).narrow(2, 1, 4);
    try (Grad off = Grad.off()) {
      Tensor found = HostRotation.of(rotation, x, to).orElseThrow().compute(x, to);
      assertTrue(found.equal(Tensors.cast(rotation.plain(x), to)));
    }
  }

  @Test
  void isForATokenOfEachTextWithoutGradient() {
    Rotation rotation = rotation(1, 8);
    Tensor x = torch.randn(1, 1, 2, 16);
    assertFalse(HostRotation.of(rotation, x, ScalarType.Float).isPresent(), "gradients");
    try (Grad off = Grad.off()) {
      assertTrue(HostRotation.of(rotation, x, ScalarType.Float).isPresent());
      Tensor two = torch.randn(1, 2, 2, 16);
      assertFalse(HostRotation.of(rotation, two, ScalarType.Float).isPresent(), "two tokens");
      assertFalse(HostRotation.of(rotation, x, ScalarType.Double).isPresent(), "float64");
    }
  }

  private static Rotation rotation(long texts, long half) {
    Tensor angles = torch.randn(texts, 1, 1, half);
    return new Rotation(angles.cos(), angles.sin());
  }
}
