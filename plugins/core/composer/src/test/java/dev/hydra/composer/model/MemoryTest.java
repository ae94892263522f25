package dev.hydra.composer.model;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.testing.Handles;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** That nothing off the heap grows or is left behind. */
class MemoryTest {
  private static final int STEPS = 200;

  private static void train(Model model) {
    Scopes.run(
        () -> {
          try (ForwardContext forward = ForwardContext.training().observing()) {
            Tensor hidden = model.hidden(Models.tokens(3, 0, 10, 3, 7), forward);
            Tensor loss = model.logits(hidden).sum();
            for (Tensor auxiliary : forward.losses().values()) {
              loss = loss.add(auxiliary);
            }
            Backward.run(loss);
          }
        });
  }

  private static void decode(Model model) {
    try (ModelState state = new ModelState()) {
      for (int i = 0; i < 10; i++) {
        Scopes.run(
            () -> {
              try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
                model.hidden(Models.tokens(5), forward);
              }
            });
      }
    }
  }

  @Test
  void stepsLeaveNothingBehind() {
    Scopes.run(
        () -> {
          try (Model model = Models.build(Models.HYBRID, ScalarType.BFloat16)) {
            Handles.assertFreesItself(STEPS, () -> train(model));
            Handles.assertFreesItself(STEPS / 10, () -> decode(model));
          }
        });
  }

  @Test
  void modelsLeaveNothingBehind() {
    Handles.assertFlat(
        3,
        () -> {
          try (Model model = Models.build(Models.HYBRID, ScalarType.BFloat16)) {
            train(model);
            decode(model);
          }
        });
  }
}
