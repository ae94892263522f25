package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tasks.Example;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class AccuracyTest {
  private final ExampleBatch batch =
      new ExampleBatch(
          List.of(
              new Example.Builder().read(1, 2).answer(3, 4).build(),
              new Example.Builder().read(5).train(6).read(7).ask(0).build()),
          4);

  @Test
  void anAnswerIsRightIfAllItsTokensAre() {
    assertEquals(2, batch.answers());
    assertEquals(2, batch.right(new long[] {3, 4, 0}));
    assertEquals(1, batch.right(new long[] {3, 5, 0}));
    assertEquals(1, batch.right(new long[] {3, 4, 1}));
    assertEquals(0, batch.right(new long[] {4, 4, 1}));
  }

  @Test
  void labelsBelongToTheTokenBeforeThem() {
    Scopes.run(
        () -> {
          assertThat(Tensors.integers(batch.windows().flatten(0, 2)))
              .containsExactly(
                  1, 2, 3, 0, 0, //
                  5, 7, 0, 0, 0, //
                  -100, -100, 3, 4, -100, //
                  -100, 6, 0, -100, -100);
          assertThat(Tensors.integers(batch.places())).containsExactly(1, 2, 5);
          assertThat(Tensors.integers(batch.targets())).containsExactly(3, 4, 0);
        });
  }

  @Test
  void aLongerExampleThanItsTaskSaysIsRefused() {
    assertThat(
            assertThrows(
                IllegalStateException.class,
                () ->
                    new ExampleBatch(List.of(new Example.Builder().read(1, 2, 3).ask(0).build()), 2)
                        .tokens()))
        .hasMessageContaining("at most 2");
  }

  @Test
  void aSmallerLastBatchCountsLikeTheOthers() {
    Study study = Studies.read("", false);
    StudyTask task = study.tasks().get(0);
    List<Example> examples = new Examples(task, study.budget()).test(1); // 32 of 9 tokens
    try (Model model =
        Model.build(
            study.models().get(0).spec(task, 0),
            Studies.COMPONENTS,
            new Placement(Devices.cpu(), ScalarType.Float),
            3)) {
      List<String> shapes = new ArrayList<>();
      UnaryOperator<Tensor> full =
          tokens -> {
            shapes.add(Arrays.toString(Tensors.sizes(tokens)));
            return Accuracy.hidden(model, tokens);
          };
      Accuracy one = Accuracy.of(model, full, examples, 9, 32);
      Accuracy parts = Accuracy.of(model, full, examples, 9, 12);
      assertEquals(List.of("[32, 9]", "[12, 9]", "[12, 9]"), shapes);
      assertEquals(one.accuracy(), parts.accuracy());
      assertEquals(one.loss(), parts.loss(), 1e-6);
    }
  }
}
