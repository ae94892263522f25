package dev.hydra.testing;

import static dev.hydra.testing.Samples.vector;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class ResultsTest {
  private final Map<String, Tensor> expected = Map.of("y", vector(3, 4));

  @Test
  void theOneThatIsFarIsNamed() {
    Map<String, Tensor> near = Map.of("y", vector(3, 4.04));
    Results.assertNear("in trouble", expected, near, 0.01);
    AssertionError off =
        assertThrows(
            AssertionError.class, () -> Results.assertNear("in trouble", expected, near, 0.007));
    assertTrue(String.valueOf(off.getMessage()).startsWith("y, in trouble is off"), off::toString);
    assertThrows(AssertionError.class, () -> Results.assertSame(expected, near));
    Results.assertSame(expected, Map.of("y", vector(3, 4)));
  }

  @Test
  void aResultTooManyOrTooFewIsAnError() {
    Map<String, Tensor> more = Map.of("y", vector(3, 4), "dx", vector(1));
    assertThrows(AssertionError.class, () -> Results.assertNear("it", expected, more, 1));
    assertThrows(AssertionError.class, () -> Results.assertNear("it", more, expected, 1));
    assertThrows(AssertionError.class, () -> Results.assertSame(expected, more));
  }

  @Test
  void copiesAreFloat64AndTheirOwn() {
    Tensor given = vector(3, 4).to(ScalarType.Float).set_requires_grad(true);
    Tensor copy = Results.copied(Map.of("y", given)).get("y");
    assertTrue(!copy.requires_grad());
    copy.add_(copy);
    Samples.assertClose(vector(3, 4), given);
    Samples.assertClose(vector(6, 8), copy);
  }
}
