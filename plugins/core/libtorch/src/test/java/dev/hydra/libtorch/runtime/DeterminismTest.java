package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class DeterminismTest {
  private static boolean switchedOn() {
    return torch.globalContext().deterministicAlgorithms();
  }

  @Test
  void theSwitchIsOnWithinSingleOperatorsOnly() {
    try (Determinism.Setting on = Determinism.ON.set()) {
      assertFalse(switchedOn());
      assertEquals(true, Determinism.within(DeterminismTest::switchedOn));
      assertEquals(
          true,
          Determinism.within(
              () -> Determinism.within(DeterminismTest::switchedOn) && switchedOn()));
      assertFalse(switchedOn());
    }
  }

  @Test
  void itIsLeftAloneIfNobodyWants() {
    assertEquals(Determinism.OFF, Determinism.current());
    assertEquals(false, Determinism.within(DeterminismTest::switchedOn));
  }

  @Test
  void settingsAreNested() {
    try (Determinism.Setting on = Determinism.ON.set()) {
      try (Determinism.Setting off = Determinism.OFF.set()) {
        assertFalse(Determinism.wanted());
      }
      assertEquals(Determinism.ON, Determinism.current());
    }
    assertEquals(Determinism.OFF, Determinism.current());
  }

  @Test
  void aFailureTurnsItOff() {
    try (Determinism.Setting on = Determinism.ON.set()) {
      assertThrows(
          IllegalStateException.class,
          () ->
              Determinism.within(
                  () -> {
                    throw new IllegalStateException("refused");
                  }));
      assertFalse(switchedOn());
    }
  }
}
