package dev.hydra.libtorch.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DevicesTest {
  @ParameterizedTest
  @ValueSource(strings = {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:1000", "cpu:0"})
  void whatIsNotTheNameOfADeviceIsRefused(String name) {
    assertThatThrownBy(() -> Devices.choose(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"" + name + "\" is not a device: auto, cpu, cuda and cuda:N are");
  }

  @Test
  void theCpuIsAlwaysThere() {
    assertThat(Devices.choose("cpu").is_cpu()).isTrue();
  }

  @Test
  void withoutCudaItIsRefusedByNameAndNotTakenByItself() {
    Assumptions.assumeFalse(Devices.cudaAvailable());
    assertThat(Devices.choose("auto").is_cpu()).isTrue();
    assertThatThrownBy(() -> Devices.choose("cuda:1"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("cuda:1 was asked for, but LibTorch finds no CUDA device");
  }

  @Test
  @Tag("cuda")
  void theLastCudaDeviceIsFoundAndTheOneAfterItIsNot() {
    Assumptions.assumeTrue(Devices.cudaAvailable());
    int count = torch_cuda.device_count();
    assertThat((int) Devices.choose("cuda:" + (count - 1)).index()).isEqualTo(count - 1);
    assertThat((int) torch_cuda.current_device()).isEqualTo(count - 1);
    assertThatThrownBy(() -> Devices.choose("cuda:" + count))
        .hasMessageContaining("the last of the CUDA devices here is cuda:" + (count - 1));
    assertThat((int) Devices.choose("cuda").index()).isZero();
    assertThat((int) Devices.choose("auto").index()).isZero();
  }
}
