package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.nn.Rotation;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers of one forward share angles where they have the same, and only there. */
@ExtendWith(InScope.class)
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

  @Test
  void aDecodingStepMakesTheAnglesOfALayerOnce() {
    DecodingPass pass = new DecodingPass(new FixedSlots(Tensor.create(5L, 300L), Map.of()));
    Rope rope = new Rope(8, 500, Optional.of(halved("half")));
    Rotation first = rope.shared(positions(pass), ScalarType.Float, pass);
    Rope same = new Rope(8, 500, Optional.of(halved("half")));
    int made = pass.made().size();
    assertSame(same.shared(positions(pass), ScalarType.Float, pass), first);
    assertEquals(made, pass.made().size());
    assertSame(first, rope.at(positions(pass), ScalarType.Float));
  }

  @Test
  void layersOfADecodingStepWithOtherAnglesMakeTheirOwn() {
    DecodingPass pass = new DecodingPass(new FixedSlots(Tensor.create(5L, 300L), Map.of()));
    Rope rope = new Rope(8, 500, Optional.of(halved("half")));
    rope.shared(positions(pass), ScalarType.Float, pass);
    for (Rope other :
        List.of(
            new Rope(8, 500, Optional.empty()),
            new Rope(8, 400, Optional.of(halved("half"))),
            new Rope(8, 500, Optional.of(new RopeScaling("third", 3, 1, RopeScaling.Ramp.NONE))))) {
      assertSame(
          other.shared(positions(pass), ScalarType.Float, pass),
          other.at(positions(pass), ScalarType.Float));
    }
  }

  /** A layer that joined later counts its positions from there. */
  @Test
  void layersOfADecodingStepAtOtherPositionsMakeTheirOwn() {
    DecodingPass pass = new DecodingPass(new FixedSlots(Tensor.create(5L, 300L), Map.of()));
    Rope rope = new Rope(8, 500, Optional.empty());
    rope.shared(positions(pass), ScalarType.Float, pass);
    for (long begin = 1; begin < 50; begin++) {
      long since = begin;
      Scopes.run( // frees its positions, where those of the next may come to stand
          () -> {
            Tensor later = Tensors.add(positions(pass), -since);
            assertSame(
                rope.shared(later, ScalarType.Float, pass), rope.at(later, ScalarType.Float));
          });
    }
  }

  private static RopeScaling halved(String settings) {
    return new RopeScaling(settings, 2, 1, RopeScaling.Ramp.NONE);
  }

  private static Tensor positions(DecodingPass pass) {
    return pass.state().lengths().unsqueeze(1);
  }

  private static void assertSame(Rotation one, Rotation other) {
    assertTrue(one.cos().equal(other.cos()) && one.sin().equal(other.sin()));
  }
}
