package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Scopes;
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

  private static void live(int steps) {
    Scopes.run(
        () -> {
          try (Model model = Models.build(Models.HYBRID, ScalarType.BFloat16)) {
            train(model);
            decode(model);
            long before = Scopes.liveHandles();
            for (int i = 0; i < steps; i++) {
              train(model);
            }
            for (int i = 0; i < steps / 10; i++) {
              decode(model);
            }
            assertNotMore(before);
          }
        });
  }

  /** Fewer are not a mistake: the garbage collector may find what other tests dropped. */
  private static void assertNotMore(long before) {
    long after = Scopes.liveHandles();
    assertTrue(after <= before, () -> before + " live handles became " + after);
  }

  @Test
  void stepsLeaveNothingBehindNorDoModels() {
    live(1); // what LibTorch and JavaCPP keep from the first time on
    long before = Scopes.liveHandles();
    live(STEPS);
    assertNotMore(before);
  }
}
