package dev.hydra.trainer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.Optimizer;
import dev.hydra.trainer.run.Trials;
import dev.hydra.trainer.step.TrainingStep;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is noted of a training while its next step computes. */
class SnapshotTest {
  private static Model model(String overrides, ScalarType type) {
    return Model.build(
        Trials.experiment(overrides).model(),
        Trials.COMPONENTS,
        new Placement(Devices.cpu(), type),
        1);
  }

  private static TrainingStep training(Model model) {
    return training(model, "");
  }

  private static TrainingStep training(Model model, String overrides) {
    return new TrainingStep(model, Trials.experiment(overrides).optimizer());
  }

  private static void step(TrainingStep training) {
    training.run(SnapshotTest::windows, 2, 1e-2);
  }

  private static Tensor windows(int number) {
    return torch.randint(256, new long[] {4, 33}, new TensorOptions(ScalarType.Long));
  }

  /** Parameters, adjusted ones and tables included, their working copies and moments. */
  private static Map<String, double[]> contents(Model model, TrainingStep training) {
    Map<String, double[]> all = new TreeMap<>();
    Scopes.run(
        () -> {
          for (Parameter each : model.parameters().all()) {
            all.put(each.name(), Tensors.numbers(each.master()));
            all.put(each.name() + " working", Tensors.numbers(each.working()));
          }
          training
              .optimizer()
              .exportState()
              .forEach((name, tensor) -> all.put(name, Tensors.numbers(tensor)));
        });
    return all;
  }

  private static void assertContents(
      Map<String, double[]> expected, Model model, TrainingStep training) {
    Map<String, double[]> actual = contents(model, training);
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, each) -> assertArrayEquals(each, actual.get(name), name));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void goesBackBehindSoManySteps(int steps) {
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      try (Model model = model("", type);
          TrainingStep training = training(model);
          Background background = new Background();
          Snapshot snapshot = new Snapshot(model.parameters(), training.stateBytes(), background)) {
        step(training);
        Map<String, double[]> before = contents(model, training);
        snapshot.fill(model.parameters(), training.optimizer());
        training.beforeUpdate(snapshot::await);
        for (int i = 0; i < steps; i++) {
          step(training);
        }
        snapshot.restore(model.parameters(), training.optimizer());
        assertContents(before, model, training);
      }
    }
  }

  @Test
  void keepsWhateverAnOptimizerRemembers() {
    try (Model model = model("", ScalarType.Float);
        TrainingStep training = training(model, "optimizer.type = momentum");
        Background background = new Background();
        Snapshot snapshot = new Snapshot(model.parameters(), training.stateBytes(), background)) {
      step(training);
      Map<String, double[]> before = contents(model, training);
      snapshot.fill(model.parameters(), training.optimizer());
      training.beforeUpdate(snapshot::await);
      step(training);
      snapshot.restore(model.parameters(), training.optimizer());
      assertContents(before, model, training);
    }
  }

  /** An optimizer whose moments are freed. */
  private static Optimizer spent() {
    try (Model other = model("", ScalarType.Float);
        TrainingStep training = training(other)) {
      return training.optimizer();
    }
  }

  @Test
  void whatCannotBeNotedLetsNothingChange() {
    try (Model model = model("", ScalarType.Float);
        TrainingStep training = training(model);
        Background background = new Background();
        Snapshot snapshot = new Snapshot(model.parameters(), training.stateBytes(), background)) {
      Map<String, double[]> before = contents(model, training);
      snapshot.fill(model.parameters(), spent());
      training.beforeUpdate(snapshot::await);
      String message = assertThrows(IllegalStateException.class, () -> step(training)).getMessage();
      assertThat(message).startsWith("what was before the swap could not be kept: ");
      assertThat(message).contains("NULL");
      assertContents(before, model, training);
      snapshot.restore(model.parameters(), training.optimizer());
      assertContents(before, model, training);
    }
  }
}
