package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class NormUnitsTest {
  @Test
  void whatWasMeasuredToBeFastest() {
    assertEquals(new NormUnits(8, 256, 1, 1, 4), NormUnits.of(2048, 8, 8, 1024));
    assertEquals(new NormUnits(8, 128, 2, 2, 2), NormUnits.of(2048, 8, 16, 512));
    assertEquals(new NormUnits(8, 512, 1, 1, 2), NormUnits.of(4096, 8, 8, 1024));
  }

  @Test
  void everyWidthIsCoveredByWholeWarps() {
    for (int vector : new int[] {1, 2, 4, 8}) {
      for (int width = vector; width < 10_000; width += width < 200 ? vector : 97 * vector) {
        NormUnits units = NormUnits.of(width, vector, 8, 1024);
        String what = width + ": " + units;
        assertTrue((long) units.lanes() * units.items() * vector >= width, what);
        assertEquals(0, units.threads() % 32, what);
        assertTrue(units.threads() <= 1024 && units.resident() >= 1, what);
        boolean powerOfTwo = Integer.bitCount(units.lanes()) == 1;
        assertTrue(units.lanes() >= 32 ? units.lanes() % 32 == 0 : powerOfTwo, what);
      }
    }
  }

  @Test
  void blocksHaveAsManyRowsEach() {
    NormUnits units = NormUnits.of(2048, 8, 8, 1024);
    assertEquals(new Grid(2048, 1, 1, 256), units.grid(132 * 4 * 4, 16_384, 1));
    assertEquals(new Grid(3, 1, 1, 256), units.grid(528, 3, 1));
    assertEquals(new Grid(1, 700, 1, 256), units.grid(528, 50, 700));
  }

  /** It is compiled with the macros of the operator that it serves, which replace such names. */
  @Test
  void sumsOfColumnsHaveNoNameThatMacrosReplace() throws IOException {
    try (InputStream in =
        Objects.requireNonNull(ColumnSums.class.getResourceAsStream("column_sums.cu"))) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      for (String macro : NormUnits.of(384, 8, 8, 1024).macros().keySet()) {
        assertFalse(text.contains(macro), macro);
      }
    }
  }
}
