package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.ForwardContext;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers of one forward share angles where they have the same, and only there. */
class RopeSharedTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "rope-theta = 10000",
        "rope-theta = 500",
        "rope-dim = 2",
        "rope-scaling = linear, rope-factor = 3"
      })
  void aLayerComputesTheSameAfterAnother(String options) {
    String shape = "heads = 2, head-dim = 4, ";
    try (Trial first =
            new Trial(new FullFactory(), shape + "rope-theta = 10000", 8, ScalarType.Double);
        Trial second = new Trial(new FullFactory(), shape + options, 8, ScalarType.Double);
        ForwardContext alone = ForwardContext.evaluation();
        ForwardContext together = ForwardContext.evaluation()) {
      Tensor x = first.input(1, 9, 8);
      Tensor expected = second.component().forward(x, alone);
      first.component().forward(x, together);
      assertTrue(expected.equal(second.component().forward(x, together)));
    }
  }
}
