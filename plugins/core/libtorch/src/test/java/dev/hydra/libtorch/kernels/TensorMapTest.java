package dev.hydra.libtorch.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class TensorMapTest {
  private static Tensor bfloat16(long... sizes) {
    return torch.zeros(sizes).to(ScalarType.BFloat16);
  }

  @Test
  void columnsComeFirstAndEveryMatrixIsOnItsOwn() {
    TensorMap map = new TensorMap(bfloat16(3, 5, 24), 128);
    assertThat(map.sizes()).containsExactly(24, 5, 3);
    assertThat(map.strides()).containsExactly(48, 240);
    assertThat(map.box()).containsExactly(64, 128, 1);
  }

  @Test
  void rowsAreOneMatrix() {
    TensorMap map = new TensorMap(bfloat16(7, 8), 64);
    assertThat(map.sizes()).containsExactly(8, 7, 1);
    assertThat(map.strides()).containsExactly(16, 112);
  }

  @Test
  void partsOfRowsKeepTheStridesOfTheWhole() {
    TensorMap map = new TensorMap(bfloat16(3, 5, 24).narrow(2, 8, 16), 64);
    assertThat(map.sizes()).containsExactly(16, 5, 3);
    assertThat(map.strides()).containsExactly(48, 240);
  }

  @Test
  void whatHardwareCannotCopyIsRefused() {
    Tensor wide = bfloat16(4, 24);
    refused(wide.narrow(1, 4, 16), 64);
    refused(wide.transpose(0, 1), 64);
    refused(wide.narrow(0, 0, 1).expand(4, 24), 64);
    refused(wide.flatten(0, 1).narrow(0, 4, 64).view(4, 16), 64);
    refused(bfloat16(4, 12), 64);
    refused(bfloat16(0, 16), 64);
    refused(bfloat16(16), 64);
    refused(bfloat16(2, 2, 2, 16), 64);
    refused(wide, 0);
    refused(wide, 257);
    assertThatThrownBy(() -> new TensorMap(torch.zeros(4, 16), 64))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there are no boxes of 64 x 64 of Float[4, 16] of strides [16, 1] on cpu");
  }

  private static void refused(Tensor tensor, int rows) {
    assertThatThrownBy(() -> new TensorMap(tensor, rows))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("there are no boxes of " + rows + " x 64 of BFloat16[");
  }
}
