package dev.hydra.composer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.testing.Handles;
import java.util.ArrayList;
import java.util.List;
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

  /** A block's stream is freed once the next one has made another of it. */
  @Test
  void aForwardHoldsTheStreamOfOneBlock() {
    List<Long> handles = new ArrayList<>();
    Components counting =
        () ->
            List.of(
                OddMixer.stateless(
                    (x, pass) -> {
                      handles.add(Scopes.liveHandles());
                      return x.neg();
                    }));
    ModelSpec spec =
        ModelSpec.read(
            Texts.config(
                """
                model {
                  vocab-size = 11, width = 4, depth = 6
                  block.paths = [ { mixer = running-sum, gate = none } ]
                }
                """));
    Placement placement = new Placement(Devices.cpu(), ScalarType.Float);
    Scopes.run(
        () -> {
          try (Model model = Model.build(spec, counting, placement, Models.SEED)) {
            Models.hidden(model, Models.tokens(3, 0, 10));
          }
        });
    assertThat(handles).hasSize(6);
    assertThat(handles.subList(2, 6)).allMatch(count -> count <= handles.get(1));
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
