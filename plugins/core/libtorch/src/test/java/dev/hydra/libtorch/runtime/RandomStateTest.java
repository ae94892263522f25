package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.testing.InScope;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class RandomStateTest {
  @Test
  void sameSeedGivesTheSameNumbers() {
    RandomState.seed(42);
    Tensor first = torch.randn(100);
    Tensor second = torch.randn(100);
    RandomState.seed(42);
    assertTrue(first.equal(torch.randn(100)));
    assertFalse(first.equal(second));
  }

  @Test
  void restoredStateGivesTheSameNumbers() {
    torch.randn(17);
    RandomState state = RandomState.save();
    Tensor first = torch.randn(100);
    state.restore();
    assertTrue(first.equal(torch.randn(100)));
  }

  @Test
  void stateIsBytesThatCanBeStored() {
    RandomState state = RandomState.save();
    assertEquals(ScalarType.Byte, Tensors.type(state.cpu()));
    Tensor first = torch.randn(100);
    new RandomState(state.cpu().clone(), Optional.empty()).restore();
    assertTrue(first.equal(torch.randn(100)));
  }
}
