package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class VectorSizeTest {
  private static int size(long width, Tensor... tensors) {
    return VectorSize.of(Tensors.type(tensors[0]), width, List.of(tensors));
  }

  private static Tensor bf16(long... sizes) {
    return torch.zeros(sizes).to(ScalarType.BFloat16);
  }

  @Test
  void sixteenBytesWhereAllIsAligned() {
    assertEquals(8, size(64, bf16(3, 64)));
    assertEquals(4, size(64, torch.zeros(3, 64)));
    assertEquals(8, size(64, bf16(3, 64), torch.zeros(3, 64)));
  }

  @Test
  void rowsStridesAndAddressesLimitIt() {
    assertEquals(2, size(6, bf16(3, 6)));
    assertEquals(1, size(64, bf16(3, 65).narrow(1, 0, 64)));
    assertEquals(4, size(64, bf16(3, 80).narrow(1, 4, 64)));
    assertEquals(2, size(64, bf16(3, 64), bf16(3, 66).narrow(1, 2, 64)));
    assertEquals(8, size(64, bf16(3, 64), bf16(64, 3).t()), "what has no rows is copied");
  }

  @Test
  void theStrideOfASingleRowDoesNotMatter() {
    assertEquals(8, size(64, bf16(1, 65).narrow(1, 0, 64)));
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
