package dev.hydra.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The largest logit by kernels: that of LibTorch, and none where one is not finite. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class LargestLogitTest {
  private static final Device CUDA = new Device("cuda:0");
  private static final Sampler.Way GREEDY = new Sampler.Way(true, false, 0, false);

  @ParameterizedTest
  @CsvSource({"Float, 1, 128256", "BFloat16, 3, 50257", "Float, 70, 7", "BFloat16, 2, 1"})
  void isThatOfLibTorch(ScalarType type, long rows, long vocabulary) {
    // In bfloat16 many are equal: the first counts.
    Tensor logits = torch.randn(rows, vocabulary + 3).to(CUDA, type).narrow(1, 0, vocabulary);
    for (double sign : new double[] {1, -1, 0}) {
      Tensor signed = Tensors.mul(logits, sign);
      assertArrayEquals(drawn(signed, KernelMode.PLAIN), drawn(signed, KernelMode.FUSED));
    }
    assertArrayEquals(drawn(logits, KernelMode.PLAIN), drawn(logits, KernelMode.FUSED));
  }

  @ParameterizedTest
  @CsvSource({"NaN, 0", "Infinity, 999", "-Infinity, 500"})
  void thereIsNoneWhereOneIsNotFinite(double value, long token) {
    Tensor logits = torch.randn(3, 1000).to(CUDA, ScalarType.Float);
    long[] expected = drawn(logits, KernelMode.PLAIN);
    try (Scalar bad = new Scalar(value)) {
      logits.select(0, 1).narrow(0, token, 1).fill_(bad);
    }
    long[] found = drawn(logits, KernelMode.FUSED);
    assertEquals(Sampler.NOT_FINITE, found[1]);
    assertEquals(expected[0], found[0]);
    assertEquals(expected[2], found[2]);
  }

  private static long[] drawn(Tensor logits, KernelMode mode) {
    try (KernelMode.Setting kernels = mode.set()) {
      return Tensors.integers(Sampler.draw(logits, GREEDY, Tensor.create(0.0)));
    }
  }
}
