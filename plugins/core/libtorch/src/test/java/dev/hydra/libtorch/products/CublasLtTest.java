package dev.hydra.libtorch.products;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.libtorch.kernels.Gpu;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIf;

class CublasLtTest {
  @Test
  @DisabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void whereItIsMissingThatIsSaid() {
    assertThatThrownBy(() -> CublasLt.on(new Gpu(0, 9, 0, 132, 0)))
        .isInstanceOf(CublasException.class)
        .hasMessageStartingWith("cublasLt cannot be loaded: ");
  }
}
