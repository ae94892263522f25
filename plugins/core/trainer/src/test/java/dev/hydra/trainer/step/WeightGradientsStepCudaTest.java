package dev.hydra.trainer.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.graphs.Aside;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.testing.InScope;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.Trials;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Steps whose gradients of weights are computed on a stream of their own, against steps on one
 * stream: all that the gradients have gone into has the same bits.
 */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class WeightGradientsStepCudaTest {
  private static final int STEPS = 10;
  private static final int TOKENS = 512;

  private static final String MODEL =
      """
      model.width = 128
      model.depth = 8
      model.block.paths = [
        { mixer { type = mamba2, state = 32, head-dim = 32, chunk = 64 }, gate = 1.0 }
        { mixer { type = sparse-global, heads = 4, window = 64, global-every = 32 }, at = "1::3" }
        { ffn { type = moe, experts = 4, hidden = 64,
                router { type = chunk-topk, chunk = 32, top-k = 2 } }, gate = 0.5, at = "::2" }
        { memory { type = workspace, slots = 16, dim = 64, heads = 4, chunk = 32 }, gate = learned, at = "2::3" }
        { memory { type = pkm, keys = 16, key-dim = 16, value-dim = 64, heads = 2, top-k = 4 },
          gate = learned, at = "4" }
      ]
      """;

  private static Tensor windows(long seed) {
    return Tensor.create(
        new Random(seed).longs(2L * (TOKENS + 1), 0, 256).toArray(), 2, TOKENS + 1);
  }

  /** What steps leave, and how many gradients were computed beside them. */
  private record Trained(List<StepMetrics> metrics, Map<String, Tensor> contents, long aside) {}

  private static Trained train(
      String overrides, Recompute recompute, int forwards, GraphMode graph) {
    List<String> warnings = new ArrayList<>();
    Experiment experiment = Trials.experiment(overrides);
    long before = Aside.count();
    try (Model model =
            Model.build(
                experiment.model(),
                Trials.COMPONENTS,
                new Placement(new Device("cuda:0"), ScalarType.BFloat16),
                1);
        TrainingStep step =
            new TrainingStep(model, experiment.optimizer(), recompute, graph, warnings::add)) {
      List<StepMetrics> metrics = new ArrayList<>();
      for (int i = 0; i < STEPS; i++) {
        int number = i;
        metrics.add(step.run(f -> windows(100L * number + f), forwards, 1e-3));
      }
      assertEquals(List.of(), warnings);
      assertEquals(graph == GraphMode.AUTO, step.captured());
      return new Trained(
          metrics, DeviceStepTest.contents(model, step.optimizer()), Aside.count() - before);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "NONE, 1, true",
    "NONE, 1, false",
    "SELECTIVE, 1, true",
    "FULL, 1, true",
    "NONE, 3, true",
    "SELECTIVE, 2, false",
    "FULL, 2, true",
  })
  void theBitsAreThoseOfOneStream(Recompute recompute, int forwards, boolean tied) {
    String overrides = MODEL + "model.tie-embeddings = " + tied;
    Trained one = train(overrides, recompute, forwards, GraphMode.OFF);
    Trained two = train(overrides, recompute, forwards, GraphMode.AUTO);
    assertEquals(one.metrics(), two.metrics());
    DeviceStepTest.assertSame(one.contents(), two.contents());
    assertTrue(one.metrics().stream().allMatch(StepMetrics::finite));
    assertEquals(0, one.aside());
    // Issued three times and captured once, two maps of a mixer in each of eight blocks and more.
    assertThat(two.aside()).isGreaterThan(4L * forwards * 16);
  }
}
