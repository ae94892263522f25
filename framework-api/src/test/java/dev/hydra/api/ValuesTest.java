package dev.hydra.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link ParameterSpec}, {@link Workload} and {@link Cost}. */
class ValuesTest {
  @Test
  void parametersOfTwoDimensionsDecay() {
    ParameterSpec matrix = ParameterSpec.of("weight", Init.zeros(), 3, 4);
    assertTrue(matrix.decay());
    assertTrue(matrix.trainable());
    assertFalse(matrix.fp32());
    assertEquals(12, matrix.elements());
    assertArrayEquals(new long[] {3, 4}, matrix.sizes());
    assertFalse(ParameterSpec.of("bias", Init.zeros(), 4).decay());
    assertEquals(1, ParameterSpec.of("scale", Init.ones()).elements());
  }

  @Test
  void parametersVary() {
    ParameterSpec matrix = ParameterSpec.of("weight", Init.zeros(), 3, 4);
    assertTrue(matrix.inFp32().fp32());
    assertTrue(matrix.inFp32().decay());
    assertFalse(matrix.withoutDecay().decay());
    assertTrue(matrix.withoutDecay().trainable());
    assertFalse(matrix.frozen().trainable());
    assertFalse(matrix.frozen().decay());
    assertTrue(matrix.inFp32().frozen().fp32());
  }

  @Test
  void parametersHaveNamesAndSizes() {
    assertThrows(IllegalArgumentException.class, () -> ParameterSpec.of(" ", Init.zeros(), 3));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> ParameterSpec.of("weight", Init.zeros(), 3, 0));
    assertEquals("parameter weight has shape [3, 0]", e.getMessage());
    ParameterSpec huge = ParameterSpec.of("weight", Init.zeros(), 1L << 40, 1L << 40);
    assertThrows(ArithmeticException.class, huge::elements);
  }

  @Test
  void parametersKeepTheirShape() {
    List<Long> shape = new ArrayList<>(List.of(2L));
    ParameterSpec spec =
        new ParameterSpec("weight", Init.zeros(), shape, false, false, true, false);
    shape.set(0, 3L);
    assertEquals(List.of(2L), spec.shape());
  }

  @Test
  void tablesAreInFloat32WithoutDecay() {
    ParameterSpec table = ParameterSpec.table("values", Init.zeros(), 9, 4);
    assertEquals(List.of(9L, 4L), table.shape());
    assertTrue(table.sparse() && table.fp32() && table.trainable());
    assertFalse(table.decay());
    assertFalse(ParameterSpec.of("weight", Init.zeros(), 9, 4).sparse());
    assertFalse(table.frozen().sparse(), "nobody takes its gradient");
  }

  @Test
  void workloadsHaveTokens() {
    assertEquals(new Workload(5, 0), Workload.sequence(5));
    assertThrows(IllegalArgumentException.class, () -> Workload.sequence(0));
    assertThrows(IllegalArgumentException.class, () -> new Workload(1, -1));
  }

  @Test
  void costsAddUp() {
    assertEquals(new Cost(2 * 3 * 4 * 5, 3 * 4, 0, 0), Cost.linear(3, 4, 5));
    assertEquals(new Cost(11, 22, 33, 44), new Cost(1, 2, 3, 4).plus(new Cost(10, 20, 30, 40)));
    assertEquals(Cost.linear(3, 4, 5), Cost.NONE.plus(Cost.linear(3, 4, 5)));
  }
}
