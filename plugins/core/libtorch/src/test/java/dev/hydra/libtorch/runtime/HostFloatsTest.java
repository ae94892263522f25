package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class HostFloatsTest {
  /** Halves between two bfloat16 go to the even one; what is large, small or infinite too. */
  private static final float[] SPECIAL = {
    0f,
    -0f,
    1f,
    1 + 1f / 256,
    1 + 3f / 256,
    -1 - 1f / 256,
    1 + 1f / 256 + 1e-6f,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.MIN_VALUE,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY
  };

  @Test
  void roundsAsLibTorchDoes() {
    Tensor all = Tensors.cat(0, Tensor.create(SPECIAL), torch.randn(1000));
    float[] values = HostFloats.of(all);
    Tensor made = HostFloats.tensor(values, all, ScalarType.BFloat16, values.length);
    Tensor expected = all.to(ScalarType.BFloat16);
    assertTrue(made.view(ScalarType.Short).equal(expected.view(ScalarType.Short)));
    assertArrayEquals(HostFloats.of(expected.to(ScalarType.Float)), HostFloats.of(made));
  }

  @Test
  void whatIsNotANumberStaysSo() {
    float[] values = {Float.NaN, Float.intBitsToFloat(0x7f800001), Float.intBitsToFloat(-1)};
    Tensor made = HostFloats.tensor(values, Tensor.create(values), ScalarType.BFloat16, 3);
    assertTrue(made.isnan().all().item_bool());
  }

  @Test
  void readsElementsInTheirOrder() {
    Tensor strided = torch.randn(4, 6).t().narrow(0, 1, 3);
    float[] values = HostFloats.of(strided);
    assertTrue(HostFloats.tensor(values, strided, ScalarType.Float, 3, 4).equal(strided));
  }
}
