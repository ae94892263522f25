package dev.hydra.libtorch.autograd;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.GradMode;
import org.junit.jupiter.api.Test;

class GradTest {
  @Test
  void nestedSwitchesAreUndoneInTurn() {
    assertTrue(GradMode.is_enabled());
    try (Grad off = Grad.off()) {
      assertFalse(GradMode.is_enabled());
      try (Grad on = Grad.on()) {
        assertTrue(GradMode.is_enabled());
      }
      assertFalse(GradMode.is_enabled());
    }
    assertTrue(GradMode.is_enabled());
  }

  @Test
  void exceptionUndoesTheSwitch() {
    assertThrows(
        IllegalStateException.class,
        () -> {
          try (Grad off = Grad.off()) {
            throw new IllegalStateException();
          }
        });
    assertTrue(GradMode.is_enabled());
  }
}
