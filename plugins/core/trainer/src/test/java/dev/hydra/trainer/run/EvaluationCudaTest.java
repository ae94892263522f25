package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.FeedForward;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.DeviceMemory;
import dev.hydra.testing.Handles;
import dev.hydra.trainer.evaluation.Evaluator;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Evaluations whose forward is replayed from a CUDA graph against those issued by the host. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class EvaluationCudaTest {
  /** A component of every kind, and one that counts how often the host issues it. */
  private static final String MODEL =
      """
      model { width = 32, depth = 1 }
      model.block.paths = [
        { mixer { type = mamba2, state = 16, head-dim = 16, chunk = 16 } }
        { mixer { type = sparse-global, heads = 2, window = 8, global-every = 4 } }
        { ffn { type = moe, experts = 4, hidden = 16,
                router { type = chunk-topk, chunk = 8, top-k = 2, bias-rate = 0.01 } }, gate = 0.5 }
        { memory { type = workspace, slots = 4, dim = 16, heads = 2, chunk = 8 }, gate = learned }
        { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 },
          gate = learned }
        { ffn { type = test-ffn } }
      ]
      """;

  @TempDir Path folder;

  private final List<String> warnings = new ArrayList<>();
  private int issued;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Registration counting(String version) {
    return TestFeedForward.registration(
        version,
        site -> {
          FeedForward fused = TestFeedForward.fused(site);
          return (x, pass) -> {
            issued++;
            return fused.forward(x, pass);
          };
        },
        Optional.empty());
  }

  private Components components() {
    List<Registration> all = new ArrayList<>(Trials.COMPONENTS.all());
    all.add(counting("1.0"));
    return () -> all;
  }

  private Model model(Experiment experiment, ScalarType type) {
    return Model.build(
        experiment.model(), components(), new Placement(Devices.choose("cuda:0"), type), 1);
  }

  private Evaluator evaluator(Experiment experiment, Model model) throws IOException {
    return new Evaluator(
        model, experiment.data().open(List.of(folder)), experiment.trainer().batchSize());
  }

  private static List<Score> score(Evaluator evaluator, int windows) {
    return score(evaluator, windows, () -> false);
  }

  private static List<Score> score(Evaluator evaluator, int windows, BooleanSupplier stop) {
    return evaluator.score(windows, stop, (set, done, of) -> {});
  }

  /** Batches of the only set; the last one is smaller. */
  private static int batches(List<Score> scores) {
    int windows = scores.get(0).windows();
    assertThat(windows % 4).as("windows of the last batch").isPositive();
    return (windows + 3) / 4;
  }

  private void compare(String overrides) throws IOException {
    Experiment experiment = Trials.experiment(MODEL + overrides);
    try (Model model = model(experiment, ScalarType.BFloat16)) {
      Evaluator plain = evaluator(experiment, model);
      List<Score> expected = score(plain, Integer.MAX_VALUE);
      int batches = batches(expected);
      assertEquals(batches, issued);
      Evaluator capturing = plain.capturing(() -> true, warnings::add);
      for (int round = 1; round <= 2; round++) {
        issued = 0;
        assertEquals(expected, score(capturing, Integer.MAX_VALUE));
        assertEquals(4, issued, "two before the capture, itself, and the smaller one");
      }
      issued = 0;
      capturing.observe(Integer.MAX_VALUE, (set, done, of) -> {});
      assertEquals(batches, issued, "observed forwards");
      issued = 0;
      assertEquals(score(plain, 16), score(capturing, 16));
      assertEquals(8, issued, "four batches each time: too few");
    }
    assertEquals(List.of(), warnings);
  }

  /** The windows of the corpus are no multiple of 4 in any of these. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "data.sequence-length = 32",
        "data { sequence-length = 64, packing = documents, document-separator = \"numbers\" }"
      })
  void theScoresAreTheSameBitForBit(String data) throws IOException {
    compare(data);
  }

  @Test
  void whereComponentsAreSwappedItIsCapturedAgain() throws IOException {
    Experiment experiment = Trials.experiment(MODEL);
    try (Model model = model(experiment, ScalarType.BFloat16);
        Swapper swapper = new Swapper(model, SwapHost.none())) {
      Evaluator plain = evaluator(experiment, model);
      List<Score> expected = score(plain, Integer.MAX_VALUE);
      List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
      int[] batch = {0};
      issued = 0;
      Evaluator swapped = plain.swapping(swapper).capturing(() -> true, warnings::add);
      BooleanSupplier swaps =
          () -> {
            if (batch[0]++ == 8) {
              reports.add(
                  Requests.ask(
                      swapper::pending, () -> swapper.swap(SwapRequest.to(counting("1.1")))));
            }
            return false;
          };
      assertEquals(expected, score(swapped, Integer.MAX_VALUE, swaps));
      SwapReport report = Requests.get(reports.get(0));
      assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
      int probes = issued - 7; // three before the swap, three after it, and the smaller one
      assertThat(probes).as("forwards that tried the new version").isBetween(1, 6);
    }
    assertEquals(List.of(), warnings);
  }

  /**
   * Without kernels, products in float32 of more than a few rows go expert by expert, for which the
   * host waits.
   */
  @Test
  void whatCannotBeCapturedIsIssuedWhichIsSaidOnce() throws IOException {
    Experiment experiment = Trials.experiment(MODEL + "data.sequence-length = 40");
    try (KernelMode.Setting kernels = KernelMode.PLAIN.set();
        Model model = model(experiment, ScalarType.Float)) {
      Evaluator plain = evaluator(experiment, model);
      Evaluator capturing = plain.capturing(() -> true, warnings::add);
      List<Score> expected = score(plain, Integer.MAX_VALUE);
      for (int round = 0; round < 3; round++) {
        assertEquals(expected, score(capturing, Integer.MAX_VALUE));
      }
    }
    assertEquals(1, warnings.size(), warnings.toString());
    assertThat(warnings.get(0))
        .contains("blocks.0.ffn", "the host would wait", "trainer.graph = off");
  }

  @Test
  @Tag("alone")
  void theMemoryOfAGraphIsGivenBackAtTheEnd() throws IOException {
    Experiment experiment = Trials.experiment(MODEL);
    try (Model model = model(experiment, ScalarType.BFloat16)) {
      Evaluator capturing = evaluator(experiment, model).capturing(() -> true, warnings::add);
      Runnable round = () -> score(capturing, Integer.MAX_VALUE);
      round.run();
      long free = DeviceMemory.free();
      Handles.assertFreesItself(5, round);
      DeviceMemory.assertGivenBack(free);
    }
    assertEquals(List.of(), warnings);
  }

  private Events train(String name, String graph, List<Boolean> captured) throws IOException {
    Events events = new Events();
    String often =
        """
        trainer { steps = 24, precision = bf16, ema.decay = 0.9
                  evaluation { every = 2, windows = 40 } }
        """;
    try (Trainer trainer =
        Trials.trainer(
            folder,
            folder.resolve(name),
            MODEL + often + graph,
            events,
            components(),
            Devices.choose("cuda:0"))) {
      trainer.run(
          () -> {
            captured.add(trainer.captured());
            return false;
          });
    }
    return events;
  }

  @Test
  void evaluationsLeaveATrainingAndItsGraphsAsTheyAre() throws IOException {
    Events eager = train("eager", "trainer.graph = off", new ArrayList<>());
    int all = issued;
    issued = 0;
    List<Boolean> captured = new ArrayList<>();
    Events graph = train("graph", "", captured);
    assertEquals(eager.losses(), graph.losses());
    assertEquals(eager.scores, graph.scores);
    assertThat(eager.scores).hasSize(12);
    assertThat(captured.subList(captured.indexOf(true), captured.size())).doesNotContain(false);
    assertThat(issued).isLessThan(all / 2);
    assertEquals(List.of(), graph.warnings);
  }
}
