package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;

class SsdTilesTest {
  private static final int H100 = 132;

  @Test
  void manyHeadsTakeWholeOnesInOnePass() {
    SsdTiles tiles = SsdTiles.of(false, 64, 128, 128, H100);
    assertEquals(new SsdTiles(false, 64, 128, 64, 128, 64, true), tiles);
    assertEquals(256, tiles.threads());
    assertEquals(512, tiles.sweepThreads());
    assertEquals(36 * 128, tiles.scoreWords());
  }

  @Test
  void fewerHeadsAreHalved() {
    assertEquals(
        new SsdTiles(false, 64, 128, 32, 128, 32, true), SsdTiles.of(false, 64, 128, 64, H100));
  }

  @Test
  void fewHeadsTakeTwoPasses() {
    assertEquals(
        new SsdTiles(false, 64, 128, 32, 64, 64, false), SsdTiles.of(false, 64, 128, 24, H100));
  }

  @Test
  void blocksOfSweepsHaveSixteenWarpsAtMostWhereStatesAllowThat() {
    assertEquals(512, SsdTiles.of(false, 64, 128, 64, H100).sweepThreads());
    assertEquals(256, SsdTiles.of(false, 64, 64, 24, H100).sweepThreads());
    assertEquals(480, new SsdTiles(true, 48, 80, 48, 80, 48, true).sweepThreads());
    for (int headDim = 16; headDim <= 256; headDim += 16) {
      for (int state = 16; state <= 256; state += 16) {
        for (long heads : new long[] {12, 64, 1000}) {
          int threads = SsdTiles.of(false, headDim, state, heads, H100).sweepThreads();
          assertTrue(threads >= 32 && threads <= 1024, headDim + " x " + state);
        }
      }
    }
  }

  @Test
  void wideHeadsAndStatesAreTakenInParts() {
    SsdTiles tiles = SsdTiles.of(true, 256, 256, 1000, H100);
    assertEquals(8, tiles.channelTiles());
    assertEquals(2, tiles.stateTiles());
    assertEquals(64, tiles.chunk());
    assertEquals(5, SsdTiles.of(false, 80, 144, 1000, H100).channelTiles());
    assertEquals(9, SsdTiles.of(false, 80, 144, 1000, H100).stateTiles());
  }

  @Test
  void sizesThatStripsDoNotDivideAreImpossible() {
    assertTrue(SsdTiles.possible(16, 256) && SsdTiles.possible(240, 16));
    assertFalse(SsdTiles.possible(8, 64) || SsdTiles.possible(64, 272));
    assertFalse(SsdTiles.possible(64, 100) || SsdTiles.possible(512, 64));
  }

  @Test
  void splitsFillTheDeviceAndNoneIsEmpty() {
    assertEquals(2, SsdTiles.splits(64, 128, 1.9 * H100));
    assertEquals(1, SsdTiles.splits(64, 128, 0.9 * H100));
    assertEquals(1, SsdTiles.splits(1, 1, 1.9 * H100));
    for (long heads = 1; heads < 70; heads++) {
      for (long blocks = 1; blocks < 300; blocks++) {
        long splits = SsdTiles.splits(heads, blocks, 250.8);
        long each = (heads + splits - 1) / splits;
        assertTrue(splits >= 1 && (splits - 1) * each < heads, heads + " heads, " + blocks);
      }
    }
  }

  @Test
  void fewSweepsAreCutIntoSegments() {
    assertEquals(8, SsdTiles.segment(48, 64, H100));
    assertEquals(64, SsdTiles.segment(128, 64, H100));
    assertEquals(9, SsdTiles.segment(1, 9, H100));
    assertEquals(12, SsdTiles.segment(1, 12, H100));
    assertEquals(4, SsdTiles.segment(1, 16, H100));
    for (long sweeps = 1; sweeps < 400; sweeps++) {
      for (long chunks = 1; chunks < 70; chunks++) {
        long length = SsdTiles.segment(sweeps, chunks, H100);
        long segments = (chunks + length - 1) / length;
        assertTrue(length >= 1 && (segments - 1) * length < chunks, sweeps + ", " + chunks);
      }
    }
  }

  @Test
  void macrosSayAllOfIt() {
    assertEquals(
        Map.of(
            "HEAD_DIM",
            64,
            "STATE",
            128,
            "CHUNK",
            128,
            "IN_FP32",
            0,
            "DT_FP32",
            1,
            "DOCUMENTS",
            0,
            "SWEEP_P",
            32,
            "SWEEP_N",
            64,
            "FORWARD_P",
            64),
        SsdTiles.of(false, 64, 128, 24, H100).macros(true, false));
  }
}
