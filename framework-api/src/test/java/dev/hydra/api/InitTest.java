package dev.hydra.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class InitTest {
  private static final int ELEMENTS = 10_000;

  /** Elements of a parameter that an initialisation has filled. */
  private static float[] filled(Init init, long seed) {
    try (PointerScope scope = new PointerScope()) {
      Tensor parameter = torch.empty(ELEMENTS);
      init.fill(parameter, torch.make_generator_cpu(seed));
      float[] values = new float[ELEMENTS];
      parameter.data_ptr_float().get(values);
      return values;
    }
  }

  private static void assertAll(float expected, Init init) {
    float[] values = new float[ELEMENTS];
    Arrays.fill(values, expected);
    assertArrayEquals(values, filled(init, 1));
  }

  private static double mean(float[] values, double power) {
    double sum = 0;
    for (float value : values) {
      sum += Math.pow(value, power);
    }
    return sum / values.length;
  }

  @Test
  void fillsWithConstants() {
    assertAll(0, Init.zeros());
    assertAll(1, Init.ones());
    assertAll(-2.5f, Init.constant(-2.5));
  }

  @Test
  void drawsNormally() {
    float[] values = filled(Init.normal(0.5), 1);
    // Bounds of five standard errors.
    assertEquals(0, mean(values, 1), 5 * 0.5 / 100);
    assertEquals(0.25, mean(values, 2), 5 * 0.25 * Math.sqrt(2) / 100);
  }

  @Test
  void drawsUniformly() {
    float[] values = filled(Init.uniform(-1, 3), 1);
    for (float value : values) {
      assertTrue(value >= -1 && value < 3, "drawn: " + value);
    }
    assertEquals(1, mean(values, 1), 5 * 4 / Math.sqrt(12) / 100);
  }

  @Test
  void givesTheSameNumbersForTheSameSeed() {
    for (Init init : new Init[] {Init.normal(1), Init.uniform(0, 1)}) {
      assertArrayEquals(filled(init, 1), filled(init, 1));
      assertFalse(Arrays.equals(filled(init, 1), filled(init, 2)));
    }
  }

  @Test
  void leavesTheGlobalGeneratorAlone() {
    try (PointerScope scope = new PointerScope()) {
      Tensor before = torch.getDefaultCPUGenerator().get_state();
      filled(Init.normal(1), 1);
      assertTrue(before.equal(torch.getDefaultCPUGenerator().get_state()));
    }
  }
}
