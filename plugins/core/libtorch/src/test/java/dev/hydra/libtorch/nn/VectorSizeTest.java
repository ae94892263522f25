package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class VectorSizeTest {
  private static Tensor bf16(long... sizes) {
    return torch.zeros(sizes).to(ScalarType.BFloat16);
  }

  @Test
  void sixteenBytesWhereAllIsAligned() {
    assertEquals(8, VectorSize.of(64, bf16(3, 64)));
    assertEquals(4, VectorSize.of(64, torch.zeros(3, 64)));
    assertEquals(8, VectorSize.of(64, bf16(3, 64), torch.zeros(3, 64)));
  }

  @Test
  void rowsStridesAndAddressesLimitIt() {
    assertEquals(2, VectorSize.of(6, bf16(3, 6)));
    assertEquals(1, VectorSize.of(64, bf16(3, 65).narrow(1, 0, 64)));
    assertEquals(4, VectorSize.of(64, bf16(3, 80).narrow(1, 4, 64)));
    assertEquals(2, VectorSize.of(64, bf16(3, 64), bf16(3, 66).narrow(1, 2, 64)));
  }

  @Test
  void theStrideOfASingleRowDoesNotMatter() {
    assertEquals(8, VectorSize.of(64, bf16(1, 65).narrow(1, 0, 64)));
  }

  @Test
  void whatDoesNotFitIsCopied() {
    Tensor wide = bf16(3, 80);
    Tensor part = wide.narrow(1, 8, 64);
    assertTrue(VectorSize.fit(8, part).is_same(part));
    Tensor odd = wide.narrow(1, 3, 64);
    assertFalse(VectorSize.fits(8, odd));
    assertTrue(VectorSize.fits(8, VectorSize.fit(8, odd)));
    assertTrue(VectorSize.fits(8, VectorSize.fit(8, bf16(64, 8).t())));
    assertTrue(VectorSize.fits(8, VectorSize.fit(8, bf16(65).narrow(0, 1, 64))));
  }
}
