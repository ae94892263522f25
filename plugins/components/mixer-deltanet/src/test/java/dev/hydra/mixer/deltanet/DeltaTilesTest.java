package dev.hydra.mixer.deltanet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;

class DeltaTilesTest {
  private static final int H100 = 132;

  @Test
  void blocksAreAsLargeAsTheyMayBeWhileThereAreEnough() {
    assertEquals(64, DeltaTiles.of(false, 128, 128, 64, H100).sweepV());
    assertEquals(32, DeltaTiles.of(false, 128, 128, 32, H100).sweepV());
    assertEquals(16, DeltaTiles.of(false, 128, 128, 2, H100).sweepV());
    assertEquals(8, DeltaTiles.of(false, 128, 128, 2, H100).sweeps());
  }

  @Test
  void blocksOfFloat32HaveRoomInAMultiprocessor() {
    assertEquals(32, DeltaTiles.of(true, 256, 256, 1000, H100).sweepV());
  }

  @Test
  void blocksDivideTheValues() {
    assertEquals(16, DeltaTiles.of(false, 64, 48, 1000, H100).sweepV());
    assertEquals(32, DeltaTiles.of(false, 64, 96, 1000, H100).sweepV());
  }

  @Test
  void wideKeysAreTakenInParts() {
    int[][] expected = {{16, 1}, {48, 1}, {64, 1}, {80, 5}, {96, 3}, {128, 2}, {240, 15}, {256, 4}};
    for (int[] each : expected) {
      assertEquals(each[1], DeltaTiles.of(false, each[0], 16, 8, H100).keyTiles(), each[0] + "");
    }
  }

  @Test
  void sizesThatStripsDoNotDivideAreImpossible() {
    assertTrue(DeltaTiles.possible(16, 256) && DeltaTiles.possible(240, 48));
    assertFalse(DeltaTiles.possible(8, 64) || DeltaTiles.possible(64, 272));
    assertFalse(DeltaTiles.possible(100, 64) || DeltaTiles.possible(64, 0));
  }

  @Test
  void macrosSayAllOfIt() {
    assertEquals(
        Map.of(
            "KEY_DIM",
            64,
            "VALUE_DIM",
            128,
            "SWEEP_V",
            32,
            "SHARED_BYTES",
            232_448,
            "IN_FP32",
            0,
            "DOCUMENTS",
            1),
        new DeltaTiles(false, 64, 128, 32).macros(true, 232_448));
  }
}
