package dev.hydra.libtorch.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class KernelModeTest {
  @Test
  void aSettingHoldsUntilItIsClosed() {
    KernelMode before = KernelMode.current();
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertEquals(KernelMode.PLAIN, KernelMode.current());
      try (KernelMode.Setting fused = KernelMode.FUSED.set()) {
        assertEquals(KernelMode.FUSED, KernelMode.current());
      }
      assertEquals(KernelMode.PLAIN, KernelMode.current());
    }
    assertEquals(before, KernelMode.current());
  }
}
