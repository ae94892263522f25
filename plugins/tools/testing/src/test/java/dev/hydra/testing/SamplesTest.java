package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class SamplesTest {
  @Test
  void nearIsRelativeToTheExpectedNorm() {
    Tensor expected = Samples.vector(3, 4); // of norm 5
    Samples.assertNear("it", expected, Samples.vector(3, 4.05), 0.011);
    AssertionError off =
        assertThrows(
            AssertionError.class,
            () -> Samples.assertNear("it", expected, Samples.vector(3, 4.06), 0.011));
    assertTrue(String.valueOf(off.getMessage()).startsWith("it is off by 0.01"), off::toString);
  }

  @Test
  void notANumberIsNearNothing() {
    Tensor nan = Samples.vector(Double.NaN);
    assertThrows(AssertionError.class, () -> Samples.assertNear("it", Samples.vector(1), nan, 1e9));
    assertThrows(AssertionError.class, () -> Samples.assertNear("it", nan, Samples.vector(1), 1e9));
  }
}
