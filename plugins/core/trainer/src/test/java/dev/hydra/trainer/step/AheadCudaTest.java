package dev.hydra.trainer.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.testing.InScope;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.Trials;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Steps that are launched before the metrics of the one before are there. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class AheadCudaTest {
  private static final String DENSE = "model.width = 32";
  private static final String WITH_TABLE =
      """
      model.width = 32
      model.block.paths = [
        { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 } }
      ]
      """;

  /** After which a step is captured. */
  private static final int ENOUGH = 6;

  /** A model and its step. */
  private static final class Run implements AutoCloseable {
    final Model model;
    final TrainingStep step;

    Run(String overrides, GraphMode graph) {
      Experiment experiment = Trials.experiment(overrides);
      Placement placement = new Placement(new Device("cuda:0"), ScalarType.BFloat16);
      model = Model.build(experiment.model(), Trials.COMPONENTS, placement, 1);
      step =
          new TrainingStep(
              model,
              experiment.optimizer(),
              Recompute.NONE,
              graph,
              warning -> {
                throw new AssertionError(warning);
              });
    }

    StepInFlight launch(int number) {
      return launch(number, 1, 64);
    }

    StepInFlight launch(int number, int forwards, int time) {
      return step.launch(i -> windows(10L * number + i, time), forwards, 1e-2, () -> false)
          .orElseThrow();
    }

    Map<String, Tensor> contents() {
      return DeviceStepTest.contents(model, step.optimizer());
    }

    @Override
    public void close() {
      step.close();
      model.close();
    }
  }

  private static Tensor windows(long seed, int time) {
    return Tensor.create(new Random(seed).longs(2L * (time + 1), 0, 256).toArray(), 2, time + 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {DENSE, WITH_TABLE})
  void theyAreTheSameBitForBit(String overrides) {
    for (int forwards : new int[] {1, 3}) {
      try (Run waiting = new Run(overrides, GraphMode.AUTO);
          Run ahead = new Run(overrides, GraphMode.AUTO)) {
        List<StepMetrics> expected = new ArrayList<>();
        List<StepMetrics> found = new ArrayList<>();
        StepInFlight last = ahead.launch(0, forwards, 64);
        for (int i = 0; i < 3 * ENOUGH; i++) {
          expected.add(waiting.launch(i, forwards, 64).await());
          if (!ahead.step.ahead()) {
            last.await();
          }
          StepInFlight next = ahead.launch(i + 1, forwards, 64);
          found.add(last.await());
          last = next;
        }
        expected.add(waiting.launch(3 * ENOUGH, forwards, 64).await());
        assertTrue(ahead.step.ahead());
        assertTrue(ahead.step.halfUpdated());
        found.add(last.await());
        assertFalse(ahead.step.halfUpdated());
        assertEquals(expected, found);
        DeviceStepTest.assertSame(waiting.contents(), ahead.contents());
      }
    }
  }

  @Test
  void nothingIsAheadOfAStepThatIsNotCaptured() {
    try (Run eager = new Run(DENSE, GraphMode.OFF);
        Run graph = new Run(DENSE, GraphMode.AUTO)) {
      assertFalse(graph.step.ahead());
      for (int i = 0; i < ENOUGH; i++) {
        eager.launch(i).await();
        graph.launch(i).await();
      }
      assertFalse(eager.step.ahead());
      assertTrue(graph.step.ahead());
      graph.step.changed();
      assertFalse(graph.step.ahead());
    }
  }

  /** Another shape frees what the step in flight computes with. */
  @Test
  void aStepOfAnotherShapeWaitsForTheOneInFlight() {
    try (Run waiting = new Run(DENSE, GraphMode.AUTO);
        Run ahead = new Run(DENSE, GraphMode.AUTO)) {
      for (int i = 0; i < ENOUGH; i++) {
        assertEquals(waiting.launch(i).await(), ahead.launch(i).await());
      }
      StepInFlight before = ahead.launch(ENOUGH);
      StepInFlight other = ahead.launch(ENOUGH + 1, 1, 32);
      assertEquals(waiting.launch(ENOUGH).await(), before.await());
      assertEquals(waiting.launch(ENOUGH + 1, 1, 32).await(), other.await());
      DeviceStepTest.assertSame(waiting.contents(), ahead.contents());
    }
  }

  /** The weight is mended on the device before the second of them begins, which is finite. */
  @Test
  void whatIsLaunchedAfterAStepThatIsNotFiniteChangesNothing() {
    try (Run run = new Run(DENSE, GraphMode.AUTO)) {
      for (int i = 0; i < ENOUGH; i++) {
        run.launch(i).await();
      }
      Tensor weight = run.model.parameters().byName().get("norm.weight").working().detach();
      Tensor good = weight.clone();
      Map<String, Tensor> before = run.contents();
      weight.fill_(new Scalar(Double.NaN));
      StepInFlight first = run.launch(ENOUGH);
      weight.copy_(good);
      StepInFlight second = run.launch(ENOUGH + 1);
      assertFalse(first.await().finite());
      assertTrue(second.await().finite());
      DeviceStepTest.assertSame(before, run.contents());
      assertTrue(run.launch(ENOUGH + 1).await().finite());
      assertThrows(AssertionError.class, () -> DeviceStepTest.assertSame(before, run.contents()));
    }
  }
}
