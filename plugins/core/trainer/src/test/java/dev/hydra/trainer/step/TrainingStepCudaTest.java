package dev.hydra.trainer.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.DeviceMemory;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
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
import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Steps replayed from CUDA graphs against steps issued operator by operator. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class TrainingStepCudaTest {
  /** Steps after which a step is captured, whatever went before. */
  private static final int ENOUGH = 6;

  private static final String DENSE =
      """
      model.block.paths = [
        { mixer { type = mamba2, state = 16, head-dim = 16, chunk = 16 } }
        { mixer { type = sparse-global, heads = 2, window = 8, global-every = 4 }, at = 1 }
        { ffn { type = moe, experts = 4, hidden = 16,
                router { type = chunk-topk, chunk = 8, top-k = 2, bias-rate = 0.01 } }, gate = 0.5 }
        { memory { type = workspace, slots = 4, dim = 16, heads = 2, chunk = 8 }, gate = learned }
      ]
      model.width = 32
      """;

  private static final String WITH_TABLE =
      """
      model.width = 32
      model.block.paths = [
        { mixer { type = mamba2, state = 16, head-dim = 16, chunk = 16 } }
        { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 },
          gate = learned, at = 1 }
      ]
      """;

  /** A model and its step. */
  private static final class Run implements AutoCloseable {
    final List<String> warnings = new ArrayList<>();
    final Model model;
    final TrainingStep step;

    Run(String overrides, ScalarType compute, GraphMode graph) {
      this(overrides, compute, graph, new Device("cuda:0"));
    }

    Run(String overrides, ScalarType compute, GraphMode graph, Device device) {
      Experiment experiment = Trials.experiment(overrides);
      model = Model.build(experiment.model(), Trials.COMPONENTS, new Placement(device, compute), 1);
      step = new TrainingStep(model, experiment.optimizer(), Recompute.NONE, graph, warnings::add);
    }

    StepMetrics step(long number, int time, int forwards) {
      return step.run(i -> windows(100 * number + i, time), forwards, 1e-2);
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

  /** Takes the same steps in both ways; both must have everything the same. */
  private static void compare(String overrides, int forwards) {
    compare(overrides, forwards, ScalarType.BFloat16);
  }

  private static void compare(String overrides, int forwards, ScalarType compute) {
    try (Run eager = new Run(overrides, compute, GraphMode.OFF);
        Run graph = new Run(overrides, compute, GraphMode.AUTO)) {
      for (int i = 0; i < 2 * ENOUGH; i++) {
        assertEquals(eager.step(i, 64, forwards), graph.step(i, 64, forwards), "step " + i);
      }
      assertEquals(List.of(), graph.warnings);
      assertTrue(graph.step.captured());
      assertTrue(graph.step.updateCaptured());
      assertFalse(eager.step.captured());
      DeviceStepTest.assertSame(eager.contents(), graph.contents());
    }
  }

  @Test
  void aReplayedStepIsTheSameBitForBit() {
    compare(DENSE, 1);
  }

  /** Products of experts that LibTorch has no operator for which the host does not wait. */
  @Test
  void alsoInFloat32AndWithExpertsOfOddSize() {
    compare(DENSE, 1, ScalarType.Float);
    compare(DENSE, 3, ScalarType.Float);
    compare(
        DENSE + "model.block.paths = [{ ffn { type = moe, experts = 4, hidden = 12 } }]",
        1,
        ScalarType.BFloat16);
  }

  /** The kernels get maps of tensors that are made on the host, once for all replays. */
  @Test
  void alsoWithExpertsThatReadWholeChunks() {
    String chunks =
        "model.block.paths = [{ ffn { type = moe, experts = 4, hidden = 16,"
            + " router { type = chunk-topk, chunk = 64, top-k = 2 } } }]";
    compare(DENSE + chunks, 1);
    compare(DENSE + chunks, 3);
  }

  @Test
  void alsoOverSeveralForwards() {
    compare(DENSE, 3);
  }

  @Test
  void alsoWithAHeadOfItsOwn() {
    String untied = DENSE + "model.tie-embeddings = false, model.padding-token = 7";
    compare(untied, 1);
    compare(untied, 3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "optimizer.type = lion",
        "optimizer.type = muon",
        "optimizer.moments = bf16",
        "trainer.ema.decay = 0.9",
        "optimizer.type = muon, trainer.ema.decay = 0.9",
        "optimizer.moments = bf16, trainer.ema.decay = 0.9",
      })
  void alsoWithOtherOptimizersAndAverages(String optimizer) {
    compare(DENSE + optimizer, 1);
    compare(DENSE + optimizer, 2);
    compare(WITH_TABLE + optimizer, 1);
    compare(WITH_TABLE + optimizer, 2);
  }

  @Test
  void alsoWithATable() {
    for (ScalarType compute : new ScalarType[] {ScalarType.BFloat16, ScalarType.Float}) {
      compare(WITH_TABLE, 1, compute);
      compare(WITH_TABLE, 2, compute);
      compare(WITH_TABLE, 3, compute);
    }
  }

  @Test
  void alsoWithATableAndWithoutKernels() {
    String alone =
        """
        model.block.paths = [
          { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 } }
        ]
        """;
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      compare(alone, 2, ScalarType.Float);
    }
  }

  /** Forwards come and go, and with them the buffers that they are added up in. */
  @Test
  void alsoWhereTheNumberOfForwardsChanges() {
    try (Run eager = new Run(WITH_TABLE, ScalarType.BFloat16, GraphMode.OFF);
        Run graph = new Run(WITH_TABLE, ScalarType.BFloat16, GraphMode.AUTO)) {
      int[] forwards = {1, 2, 3, 1};
      for (int i = 0; i < forwards.length * ENOUGH; i++) {
        int now = forwards[i / ENOUGH];
        assertEquals(eager.step(i, 64, now), graph.step(i, 64, now), "step " + i);
        assertEquals(i % ENOUGH >= 3, graph.step.updateCaptured(), "step " + i);
      }
      DeviceStepTest.assertSame(eager.contents(), graph.contents());
    }
  }

  /** Only the last step has a learning rate, so that all read the same rows on both. */
  @Test
  void aTableIsTrainedOverSeveralForwardsAsOnACpu() {
    String table = "blocks.1.memory.values.weight";
    String large = WITH_TABLE.replace("keys = 8", "keys = 32");
    try (Run cuda = new Run(large, ScalarType.Float, GraphMode.AUTO);
        Run cpu = new Run(large, ScalarType.Float, GraphMode.OFF, Devices.cpu())) {
      Tensor before = cpu.contents().get(table);
      for (int i = 0; i < ENOUGH; i++) {
        long number = 100L * i;
        double rate = i + 1 < ENOUGH ? 0 : 1e-2;
        double expected = cpu.step.run(each -> windows(number + each, 16), 2, rate).gradientNorm();
        double found = cuda.step.run(each -> windows(number + each, 16), 2, rate).gradientNorm();
        assertEquals(expected, found, 1e-3 * expected);
      }
      assertTrue(cuda.step.updateCaptured());
      Map<String, Tensor> expected = cpu.contents();
      Map<String, Tensor> found = cuda.contents();
      found.replaceAll((name, each) -> each.to(Devices.cpu(), Tensors.type(each)));
      for (String each : List.of(table, table + ".exp_avg", table + ".exp_avg_sq")) {
        Samples.assertNear(each, expected.get(each), found.get(each), 1e-3);
      }
      Tensor moved = expected.get(table).ne(before).any(1);
      assertTrue(Tensors.any(moved), "rows that were read");
      assertTrue(Tensors.any(moved.logical_not()), "rows that nobody read");
      assertTrue(moved.equal(found.get(table).ne(before).any(1)), "the same rows moved");
    }
  }

  /** Documents of other lengths in every step, by one graph. */
  @Test
  void alsoOverPackedDocuments() {
    try (Run eager = new Run(DENSE, ScalarType.BFloat16, GraphMode.OFF);
        Run graph = new Run(DENSE, ScalarType.BFloat16, GraphMode.AUTO)) {
      for (int i = 0; i < 2 * ENOUGH; i++) {
        long seed = i;
        assertEquals(
            eager.step.run(each -> packed(seed), 1, 1e-2),
            graph.step.run(each -> packed(seed), 1, 1e-2),
            "step " + i);
        assertEquals(i >= 3, graph.step.captured(), "step " + i);
      }
      assertEquals(List.of(), graph.warnings);
      DeviceStepTest.assertSame(eager.contents(), graph.contents());
    }
  }

  /** Tokens, labels and documents of 1 to 32 tokens: [3, 2, 65]. */
  private static Tensor packed(long seed) {
    Random random = new Random(seed);
    long[] documents = new long[2 * 65];
    int left = 0;
    for (int i = 0; i < documents.length; i++) {
      boolean begins = i % 65 == 0 || left == 0;
      left = begins ? random.nextInt(32) : left - 1;
      documents[i] = i == 0 ? 0 : documents[i - 1] + (begins ? 1 : 0);
    }
    Tensor tokens = windows(seed, 64);
    return Tensors.stack(0, tokens, tokens, Tensor.create(documents, 2, 65));
  }

  @Test
  void whatWaitsForTheDeviceIsNamedAndTrainingGoesOn() {
    String wide = DENSE + "model.block.paths = [{ ffn { type = moe, experts = 4, hidden = 12 } }]";
    try (KernelMode.Setting plain = KernelMode.PLAIN.set();
        Run run = new Run(wide, ScalarType.BFloat16, GraphMode.AUTO)) {
      for (int i = 0; i < ENOUGH; i++) {
        assertTrue(run.step(i, 64, 1).finite());
      }
      assertEquals(1, run.warnings.size(), run.warnings.toString());
      assertTrue(run.warnings.get(0).contains("blocks.0.ffn"), run.warnings.get(0));
      assertTrue(run.warnings.get(0).contains("trainer.graph = off"), run.warnings.get(0));
      assertFalse(run.step.captured());
    }
  }

  @Test
  void anOptimizerThatWaitsStaysOutsideOfTheGraph() {
    String momentum = DENSE + "optimizer.type = momentum";
    try (Run eager = new Run(momentum, ScalarType.BFloat16, GraphMode.OFF);
        Run graph = new Run(momentum, ScalarType.BFloat16, GraphMode.AUTO)) {
      for (int i = 0; i < 2 * ENOUGH; i++) {
        assertEquals(eager.step(i, 64, 1), graph.step(i, 64, 1), "step " + i);
      }
      assertTrue(graph.step.captured());
      assertFalse(graph.step.updateCaptured());
      assertEquals(1, graph.warnings.size(), graph.warnings.toString());
      assertTrue(graph.warnings.get(0).contains("optimizer"), graph.warnings.get(0));
      DeviceStepTest.assertSame(eager.contents(), graph.contents());
    }
  }

  /** The host adds up the rows of its table, between the graphs. */
  @Test
  void anOptimizerOfSparseGradientsOnlyStaysOutsideOfTheGraph() {
    String momentum = WITH_TABLE + "optimizer.type = momentum";
    try (Run eager = new Run(momentum, ScalarType.BFloat16, GraphMode.OFF);
        Run graph = new Run(momentum, ScalarType.BFloat16, GraphMode.AUTO)) {
      for (int i = 0; i < 2 * ENOUGH; i++) {
        assertEquals(eager.step(i, 64, 2), graph.step(i, 64, 2), "step " + i);
      }
      assertTrue(graph.step.captured());
      assertFalse(graph.step.updateCaptured());
      DeviceStepTest.assertSame(eager.contents(), graph.contents());
    }
  }

  @Test
  void anotherShapeIsRunAsItIsAndCapturedAgain() {
    try (Run eager = new Run(DENSE, ScalarType.BFloat16, GraphMode.OFF);
        Run graph = new Run(DENSE, ScalarType.BFloat16, GraphMode.AUTO)) {
      int[] times = {64, 48, 64};
      for (int i = 0; i < times.length * ENOUGH; i++) {
        int time = times[i / ENOUGH];
        assertEquals(eager.step(i, time, 1), graph.step(i, time, 1), "step " + i);
        assertEquals(i % ENOUGH >= 3, graph.step.captured(), "step " + i);
      }
      DeviceStepTest.assertSame(eager.contents(), graph.contents());
    }
  }

  @Test
  void aStepThatIsNotFiniteLeavesEverythingAsItWas() {
    aStepThatIsNotFiniteLeavesEverythingAsItWas(DENSE, 1);
    aStepThatIsNotFiniteLeavesEverythingAsItWas(WITH_TABLE, 1);
    aStepThatIsNotFiniteLeavesEverythingAsItWas(WITH_TABLE, 2);
    aStepThatIsNotFiniteLeavesEverythingAsItWas(WITH_TABLE + "optimizer.type = lion", 2);
  }

  private static void aStepThatIsNotFiniteLeavesEverythingAsItWas(String overrides, int forwards) {
    for (GraphMode mode : GraphMode.values()) {
      try (Run run = new Run(overrides, ScalarType.BFloat16, mode)) {
        for (int i = 0; i < ENOUGH; i++) {
          run.step(i, 64, forwards);
        }
        Tensor weight = run.model.parameters().byName().get("norm.weight").working().detach();
        Tensor good = weight.clone();
        weight.fill_(new Scalar(Double.NaN));
        Map<String, Tensor> before = run.contents();
        assertFalse(run.step(ENOUGH, 64, forwards).finite());
        before.keySet().removeIf(name -> name.startsWith("norm.weight"));
        Map<String, Tensor> after = run.contents();
        after.keySet().retainAll(before.keySet());
        DeviceStepTest.assertSame(before, after);
        weight.copy_(good);
        assertTrue(run.step(ENOUGH + 1, 64, forwards).finite());
        assertEquals(mode == GraphMode.AUTO, run.step.updateCaptured());
      }
    }
  }

  @Test
  @Tag("alone")
  void capturedAgainAndAgainItTakesNoMoreMemoryAndNoHandles() {
    capturedAgainAndAgain(DENSE, 1);
    capturedAgainAndAgain(WITH_TABLE, 2);
  }

  private static void capturedAgainAndAgain(String overrides, int forwards) {
    try (Run run = new Run(overrides, ScalarType.BFloat16, GraphMode.AUTO)) {
      long free = 0;
      long handles = 0;
      for (int round = 0; round < 20; round++) {
        for (int i = 0; i < ENOUGH; i++) {
          run.step(i, 64, forwards);
        }
        assertTrue(run.step.captured());
        run.step.changed();
        torch_cuda.getAllocator().emptyCache();
        System.gc();
        if (round == 4) {
          free = DeviceMemory.free();
          handles = Scopes.liveHandles();
        }
      }
      DeviceMemory.assertGivenBack(free);
      assertTrue(
          Scopes.liveHandles() <= handles + 20, handles + " before, " + Scopes.liveHandles());
    }
  }
}
