package dev.hydra.libtorch.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class DeviceStartTest {
  @Test
  void afterItLibTorchCanBeUsed() {
    try (DeviceStart start = new DeviceStart("cpu")) {
      start.await();
      assertThat(torch.get_num_threads()).isPositive();
    }
  }

  @Test
  void whatIsWrongWithTheDeviceIsSaidWhenItIsAwaited() {
    try (DeviceStart start = new DeviceStart("gpu")) {
      assertThatThrownBy(start::await)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("\"gpu\" is not a device");
    }
    try (DeviceStart unasked = new DeviceStart("gpu")) {
      assertThat(unasked).isNotNull();
    }
  }

  @Test
  @Tag("cuda")
  void aCudaDeviceIsStartedForOtherThreads() {
    Assumptions.assumeTrue(Devices.cudaAvailable());
    try (DeviceStart start = new DeviceStart("cuda")) {
      start.await();
      Tensor ones = torch.ones(64, 64).to(Devices.choose("cuda"), ScalarType.BFloat16);
      assertThat(Tensors.number(ones.mm(ones).sum())).isEqualTo(64.0 * 64 * 64);
    }
  }
}
