package dev.hydra.memory.workspace;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecurrenceTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 8, 9, 16, 17, 33, 70})
  void equalsStepByStep(int steps) {
    Scopes.run(
        () -> {
          Tensor keep = random(2, steps, 3, 1);
          // A step that keeps nothing.
          Tensors.slice(keep, 1, steps / 2, steps / 2 + 1).zero_();
          Tensor update = random(2, steps, 3, 5);
          Tensor state = random(2, 3, 5);
          Tensor states = Recurrence.states(keep, update, state);

          assertTrue(states.select(1, 0).equal(state));
          for (int i = 0; i < steps; i++) {
            state = keep.select(1, i).mul(state).add(update.select(1, i));
            assertTrue(states.select(1, i + 1).allclose(state), "step " + i + " of " + steps);
          }
        });
  }

  private static Tensor random(long... sizes) {
    return torch.rand(sizes, new TensorOptions(ScalarType.Double));
  }
}
