package dev.hydra.testing;

import static dev.hydra.testing.Samples.parameter;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class RetainedGraphTest {
  @Test
  void theGradientIsComparedBothTimes() {
    Tensor leaf = parameter(3);
    RetainedGraph.assertGivesGradientsAgain(leaf.sin().sum(), leaf, leaf.detach().cos());
    Tensor other = parameter(3);
    assertThrows(
        AssertionError.class,
        () ->
            RetainedGraph.assertGivesGradientsAgain(
                other.sin().sum(), other, other.detach().sin()));
  }
}
