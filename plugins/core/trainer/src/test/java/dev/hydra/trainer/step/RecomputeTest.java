package dev.hydra.trainer.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.Trials;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Parts that are computed again in backward train as those that are not: blocks bit for bit, paths
 * but for the order in which gradients of their common input are added.
 */
@ExtendWith(InScope.class)
class RecomputeTest {
  private static final int STEPS = 3;

  /** The parameters after some steps, and what the steps measured. */
  private record Trained(List<StepMetrics> steps, List<Tensor> parameters) {}

  @ParameterizedTest
  @EnumSource(names = {"SELECTIVE", "FULL"})
  void wholeBlocks(Recompute recompute) {
    assertClose(train("", Recompute.NONE), train("", recompute), 0);
  }

  @ParameterizedTest
  @CsvSource({"0, mixer", "1, sparse-global", "2, ffn", "3, workspace", "4, pkm"})
  void singlePaths(int path, String what) {
    Experiment experiment = Trials.experiment(path(path));
    assertThat(experiment.model().blocks().get(1).paths().get(path).recompute()).as(what).isTrue();
    assertClose(train("", Recompute.NONE), train(path(path), Recompute.NONE), 1e-9);
  }

  @Test
  void aPathWithinABlock() {
    assertClose(train("", Recompute.NONE), train(path(2), Recompute.FULL), 1e-9);
  }

  @Test
  void nothingIsLeftBehind() {
    Experiment experiment = Trials.experiment("");
    try (Model model = model(experiment);
        TrainingStep step =
            new TrainingStep(
                model, experiment.optimizer(), Recompute.FULL, GraphMode.OFF, warning -> {})) {
      step.run(RecomputeTest::windows, 2, 1e-3);
      step.run(RecomputeTest::windows, 2, 1e-3);
      long before = Scopes.liveHandles();
      for (int i = 0; i < 5; i++) {
        step.run(RecomputeTest::windows, 2, 1e-3);
      }
      assertThat(Scopes.liveHandles()).isEqualTo(before);
    }
  }

  private static String path(int path) {
    // the paths of a list cannot be named in HOCON itself, so all are written again
    String[] paths = {
      "{ mixer { type = mamba2, state = 8, head-dim = 8, chunk = 8 }",
      "{ mixer { type = sparse-global, heads = 2, window = 8, global-every = 4 }, at = 1",
      "{ ffn { type = moe, experts = 4, hidden = 16, router { type = chunk-topk, chunk = 8,"
          + " top-k = 2, bias-rate = 0.01 } }, gate = 0.5",
      "{ memory { type = workspace, slots = 4, dim = 8, heads = 2, chunk = 8 }, gate = learned",
      "{ memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 },"
          + " gate = learned, at = 1"
    };
    StringBuilder all = new StringBuilder("model.block.paths = [");
    for (int i = 0; i < paths.length; i++) {
      all.append(paths[i]).append(i == path ? ", recompute = true }\n" : " }\n");
    }
    return all.append("]").toString();
  }

  private static Trained train(String overrides, Recompute recompute) {
    Experiment experiment = Trials.experiment(overrides);
    try (Model model = model(experiment);
        TrainingStep step =
            new TrainingStep(
                model, experiment.optimizer(), recompute, GraphMode.OFF, warning -> {})) {
      List<StepMetrics> metrics = new ArrayList<>();
      for (int i = 0; i < STEPS; i++) {
        int first = 2 * i;
        metrics.add(step.run(number -> windows(first + number), 2, 1e-2));
      }
      return new Trained(
          metrics,
          model.parameters().all().stream().map(each -> each.master().detach().clone()).toList());
    }
  }

  private static void assertClose(Trained expected, Trained actual, double tolerance) {
    for (int i = 0; i < STEPS; i++) {
      StepMetrics step = expected.steps().get(i);
      StepMetrics other = actual.steps().get(i);
      assertThat(step.auxiliary()).isPositive();
      assertThat(other.loss()).isCloseTo(step.loss(), within(tolerance));
      assertThat(other.auxiliary()).isCloseTo(step.auxiliary(), within(tolerance));
      assertThat(other.gradientNorm()).isCloseTo(step.gradientNorm(), within(tolerance));
    }
    assertThat(actual.parameters()).hasSameSizeAs(expected.parameters());
    for (int i = 0; i < expected.parameters().size(); i++) {
      assertThat(Tensors.numbers(actual.parameters().get(i)))
          .containsExactly(Tensors.numbers(expected.parameters().get(i)), within(tolerance));
    }
  }

  private static Model model(Experiment experiment) {
    Placement placement = new Placement(Devices.cpu(), ScalarType.Double);
    return Model.build(experiment.model(), Trials.COMPONENTS, placement, 1);
  }

  private static Tensor windows(int seed) {
    return Tensor.create(new Random(seed).longs(2 * 49, 0, 256).toArray(), 2, 49);
  }
}
