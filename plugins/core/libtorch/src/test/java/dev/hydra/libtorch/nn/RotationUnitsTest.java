package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class RotationUnitsTest {
  @Test
  void aUnitHasAsManyThreadsAsItHasPairsOfVectors() {
    assertEquals(new RotationUnits(8, 8, 1), RotationUnits.of(8, 64));
    assertEquals(new RotationUnits(4, 16, 1), RotationUnits.of(4, 44));
    assertEquals(new RotationUnits(1, 1, 1), RotationUnits.of(1, 1));
    assertEquals(new RotationUnits(1, 32, 2), RotationUnits.of(1, 40));
    assertEquals(64, RotationUnits.of(1, 40).pairs());
  }

  @Test
  void aThreadHoldsNoMoreThanItHasRegistersFor() {
    assertTrue(RotationUnits.of(8, 512).possible());
    assertFalse(RotationUnits.of(8, 520).possible());
    assertTrue(RotationUnits.of(1, 512).possible());
  }
}
