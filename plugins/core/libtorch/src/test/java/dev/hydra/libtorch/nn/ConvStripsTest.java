package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import org.junit.jupiter.api.Test;

class ConvStripsTest {
  @Test
  void roundsOfBlocksAreFull() {
    ConvStrips strips = ConvStrips.of(2, 8192, 4352, 4, 128, 132 * 6, 3);
    long rounds = strips.grid().x() * strips.grid().y();
    assertEquals(34, strips.grid().x());
    assertTrue(rounds % (132 * 6) == 0 || rounds % (132 * 6) > 0.9 * 132 * 6, strips.toString());
  }

  @Test
  void aSingleTokenIsOneStrip() {
    assertEquals(
        new ConvStrips(1, new Grid(1, 2, 1, 128)), ConvStrips.of(5, 1, 40, 4, 128, 792, 3));
  }

  @Test
  void everyTokenIsInAStrip() {
    for (int time = 1; time < 400; time++) {
      ConvStrips strips = ConvStrips.of(3, time, 64, 2, 256, 264, 6);
      int inRow = (time + strips.tokens() - 1) / strips.tokens();
      assertTrue(strips.grid().y() * 8 >= 3L * inRow, strips.toString());
      assertTrue(strips.grid().y() * 8 < 3L * inRow + 8, strips.toString());
    }
  }

  @Test
  void moreRowsThanCudaCountsAreNotPossible() {
    assertTrue(ConvStrips.possible(1, 4_000_000, 128));
    assertFalse(ConvStrips.possible(1, 5_000_000, 128));
  }
}
