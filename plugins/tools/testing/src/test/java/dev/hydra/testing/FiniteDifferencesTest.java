package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class FiniteDifferencesTest {
  @Test
  void rightGradientsPass() {
    Tensor x = Samples.parameter(3, 4);
    Tensor y = Samples.normal(3, 4);
    FiniteDifferences.checkFunction(in -> new Tensor[] {in[0].mul(in[1]), in[0].exp()}, x, y);
    Tensor large = Samples.parameter(5, 7);
    FiniteDifferences.checkSome(() -> large.sin().sum(), large);
  }

  @Test
  void wrongGradientsAreFound() {
    Tensor x = Samples.parameter(3, 4);
    // Half of the product is hidden from the graph.
    assertThrows(
        AssertionError.class, () -> FiniteDifferences.check(() -> x.mul(x.detach()).sum(), x));
  }

  @Test
  void slopesLeaveTheirLeafAsItWas() {
    Tensor x = Samples.parameter(3);
    double[] before = Samples.numbers(x);
    assertEquals(2 * before[1], FiniteDifferences.slope(x, 1, () -> x.mul(x).sum()), 1e-9);
    assertArrayEquals(before, Samples.numbers(x));
  }
}
