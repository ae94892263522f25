package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.ComputeType.Choice;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ComputeTypeTest {
  @Test
  void theUserDecides() {
    for (String device : new String[] {"cpu", "cuda"}) {
      assertEquals(ScalarType.Float, ComputeType.choose(Choice.FP32, new Device(device)));
      assertEquals(ScalarType.BFloat16, ComputeType.choose(Choice.BF16, new Device(device)));
    }
  }

  @Test
  void cudaIsFastAtBf16() {
    assertEquals(ScalarType.BFloat16, ComputeType.choose(Choice.AUTO, new Device("cuda")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"flags\t\t: fpu avx512_bf16 wbnoinvd", "flags\t: amx_bf16"})
  void cpuWithBf16Products(String line) {
    assertTrue(ComputeType.hasBf16(line));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"flags\t\t: fpu avx512f avx512_bf16x", "model name\t: amx_bf16", "flags\t\t:", ""})
  void cpuWithout(String line) {
    assertFalse(ComputeType.hasBf16(line));
  }
}
