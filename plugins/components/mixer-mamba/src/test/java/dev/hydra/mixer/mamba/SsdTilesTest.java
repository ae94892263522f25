package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.Gpu;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SsdTilesTest {
  private static final Gpu H100 = new Gpu(0, 9, 0, 132, 232_448);
  private static final Gpu A100 = new Gpu(0, 8, 0, 108, 166_912);

  @Test
  void manyHeadsAreTakenInOnePassAndFewInMore() {
    SsdTiles tiles = SsdTiles.of(false, 64, 128, 128, A100);
    assertEquals(new SsdTiles(false, 64, 128, false, true, 0), tiles);
    assertEquals(256, tiles.threads());
    assertEquals(36 * 128, tiles.scoreWords());
    assertFalse(SsdTiles.of(false, 64, 128, 64, A100).onePass());
    assertTrue(SsdTiles.of(false, 128, 128, 64, A100).onePass());
    assertTrue(SsdTiles.of(true, 64, 128, 128, H100).onePass());
    assertTrue(SsdTiles.of(false, 48, 80, 128, H100).onePass());
  }

  @Test
  void hopperWalksOverTimeWithHalfTheStatesWhereAllBlocksRunAtTheSameTime() {
    SsdTiles half = SsdTiles.of(false, 64, 128, 64, H100);
    assertEquals(new SsdTiles(false, 64, 128, true, false, 64), half);
    assertEquals(2, half.walkBlocks());
    assertEquals(256, half.walkThreads());
    SsdTiles whole = SsdTiles.of(false, 64, 128, 4 * 64, H100);
    assertEquals(new SsdTiles(false, 64, 128, true, false, 128), whole);
    assertEquals(1, whole.walkBlocks());
    assertEquals(384, whole.walkThreads());
    assertEquals(128, SsdTiles.of(false, 64, 128, 67, H100).carried());
    assertEquals(64, SsdTiles.of(false, 64, 128, 40, H100).carried());
    assertEquals(4, SsdTiles.of(false, 128, 256, 128, H100).walkBlocks());
    assertEquals(6, SsdTiles.of(false, 128, 192, 128, H100).walkBlocks());
  }

  @Test
  void fewHeadsAndOtherDevicesDoNotWalk() {
    assertEquals(0, SsdTiles.of(false, 64, 64, 24, H100).carried());
    assertEquals(0, SsdTiles.of(false, 64, 128, 39, H100).carried());
    assertEquals(0, SsdTiles.of(false, 64, 128, 64, A100).carried());
    assertEquals(0, SsdTiles.of(true, 64, 128, 64, H100).carried());
    assertEquals(0, SsdTiles.of(false, 64, 80, 1000, H100).carried());
  }

  @Test
  void statesAreTakenInPartsOfWarps() {
    assertEquals(256, SsdTiles.of(false, 64, 128, 64, H100).stateThreads());
    assertEquals(256, SsdTiles.of(false, 64, 64, 64, H100).stateThreads());
    assertEquals(512, SsdTiles.of(true, 64, 128, 64, H100).stateThreads());
    assertEquals(3 * 5 * 32, SsdTiles.of(false, 48, 80, 64, H100).stateThreads());
    assertEquals(4, SsdTiles.of(false, 64, 128, 64, H100).passBlocks(256));
    assertEquals(8, SsdTiles.of(true, 64, 128, 64, H100).passBlocks(256));
    assertEquals(1, SsdTiles.of(false, 16, 16, 64, H100).passBlocks(256));
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
    assertEquals(2, SsdTiles.splits(64, 128, 1.9 * 132));
    assertEquals(1, SsdTiles.splits(64, 128, 0.9 * 132));
    assertEquals(1, SsdTiles.splits(1, 1, 1.9 * 132));
    for (long heads = 1; heads < 70; heads++) {
      for (long blocks = 1; blocks < 300; blocks++) {
        long splits = SsdTiles.splits(heads, blocks, 250.8);
        long each = (heads + splits - 1) / splits;
        assertTrue(splits >= 1 && (splits - 1) * each < heads, heads + " heads, " + blocks);
      }
    }
  }

  @Test
  void hopperMultipliesByFourWarpsWhatIsWholeInThem() {
    assertTrue(SsdTiles.of(false, 64, 192, 64, H100).wide());
    assertFalse(SsdTiles.of(false, 64, 192, 64, A100).wide());
    assertFalse(SsdTiles.of(true, 64, 192, 64, H100).wide());
    assertFalse(SsdTiles.of(false, 64, 80, 64, H100).wide());
    assertFalse(SsdTiles.of(false, 96, 64, 64, H100).wide());
  }

  @Test
  void macrosSayAllOfIt() {
    assertEquals(
        Map.of(
            "HEAD_DIM", 64, "STATE", 128, "CHUNK", 128, "IN_FP32", 0, "DT_FP32", 1, "DOCUMENTS", 0),
        SsdTiles.of(false, 64, 128, 24, H100).macros(true, false));
  }
}
