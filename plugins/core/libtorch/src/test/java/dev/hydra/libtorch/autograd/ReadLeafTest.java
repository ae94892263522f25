package dev.hydra.libtorch.autograd;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class ReadLeafTest {
  private final Tensor leaf = Samples.parameter(3);

  @Test
  void oneThatWasReadBesideAnotherIsNotAloneWhenThatIsGone() {
    ReadLeaf first = new ReadLeaf(leaf);
    assertTrue(first.alone());
    try (ReadLeaf other = new ReadLeaf(Samples.parameter(3))) {
      assertTrue(other.alone());
      assertTrue(first.alone());
    }
    new ReadLeaf(new Tensor(leaf)).close();
    assertFalse(first.alone());
    first.close();
    try (ReadLeaf next = new ReadLeaf(leaf)) {
      assertTrue(next.alone());
    }
  }

  @Test
  void itFreesItself() {
    Handles.assertFlat(() -> new ReadLeaf(leaf).close());
  }
}
