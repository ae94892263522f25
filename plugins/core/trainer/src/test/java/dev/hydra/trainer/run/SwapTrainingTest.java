package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapReport.Status;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.ffn.moe.MoeFactory;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.mixer.attention.SlidingWindowFactory;
import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntFunction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Swaps that change what is trained. */
class SwapTrainingTest {
  private static final String PATHS =
      """
      model.block.paths = [
        { mixer { type = sliding-window, heads = 2, window = 8 } }
        { ffn = %s }
      ]
      """;
  private static final String TEST = PATHS.formatted("test-ffn");
  private static final String DENSE = PATHS.formatted("{ type = swiglu, hidden = 32 }");

  private static final Components COMPONENTS =
      () -> {
        List<Registration> all =
            new ArrayList<>(
                Components.of(
                        new SlidingWindowFactory(),
                        new SwigluFactory(),
                        new MoeFactory(),
                        new ChunkTopKRouterFactory())
                    .all());
        all.add(TestFeedForward.fused("1.0"));
        return all;
      };

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Trainer trainer(String run, String overrides, Events events) throws IOException {
    return Trials.trainer(folder, folder.resolve(run), overrides, events, COMPONENTS);
  }

  /** Trains, with requests made before some steps. */
  private List<SwapReport> train(Trainer trainer, Events events, Map<Integer, SwapRequest> requests)
      throws IOException {
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    trainer.run(
        () -> {
          SwapRequest request = requests.get(events.steps.size());
          if (request != null) {
            reports.add(Requests.swap(trainer, request));
          }
          return false;
        });
    return reports.stream().map(Requests::get).toList();
  }

  /** Parameters and what the optimizer remembers, bit for bit. */
  private static Map<String, double[]> contents(Trainer trainer) {
    Map<String, double[]> all = new TreeMap<>();
    for (Parameter each : trainer.model().parameters().all()) {
      Scopes.run(
          () -> {
            all.put(each.name(), Tensors.numbers(each.master()));
            all.put(each.name() + " working", Tensors.numbers(each.working()));
          });
    }
    trainer
        .optimizerState()
        .forEach((name, tensor) -> Scopes.run(() -> all.put(name, Tensors.numbers(tensor))));
    return all;
  }

  private static void assertSame(Map<String, double[]> expected, Map<String, double[]> found) {
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, found.get(name), name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"adamw", "momentum"})
  void aFusedProjectionIsSplitWithItsMoments(String optimizer) throws IOException {
    String overrides = TEST + "trainer { steps = 14 }, optimizer.type = " + optimizer;
    Events plain = new Events();
    try (Trainer trainer = trainer("plain", overrides, plain)) {
      trainer.run(() -> false);
    }
    Events swapped = new Events();
    try (Trainer trainer = trainer("swapped", overrides, swapped)) {
      List<SwapReport> reports =
          train(trainer, swapped, Map.of(5, SwapRequest.to(TestFeedForward.split("2.0"))));
      assertEquals(Status.SWITCHED, reports.get(0).status(), reports.get(0).reason());
      assertEquals(4, reports.get(0).parameters().migrated().size());
      assertEquals(
          14,
          contents(trainer).get("blocks.0.ffn.gate.step")[0],
          "the step counts of the old parameter and the new one");
    }
    for (int step = 0; step < 14; step++) {
      assertEquals(
          plain.losses().get(step),
          swapped.losses().get(step),
          step < 5 ? 0 : 1e-4,
          "step " + step);
    }
  }

  @ParameterizedTest
  @CsvSource({"NaN, fp32", "NaN, bf16", "1000, fp32", "1000, bf16"})
  void theGuardGoesBackBitForBit(double factor, String precision) throws IOException {
    String overrides =
        TEST + "trainer { steps = 70, swap.guard-factor = 1.15, precision = " + precision + " }";
    Registration failing = TestFeedForward.failing(3, factor);
    Events events = new Events();
    List<Map<String, double[]>> contents = new ArrayList<>();
    List<SwapReport> heard = new CopyOnWriteArrayList<>();
    try (Trainer trainer = trainer("run", overrides, events)) {
      events.heard =
          report -> {
            heard.add(report);
            if (report.status() == Status.ROLLED_BACK) {
              contents.add(contents(trainer));
            }
          };
      CompletableFuture<?>[] asked = new CompletableFuture<?>[1];
      trainer.run(
          () -> {
            if (events.steps.size() == 60 && asked[0] == null) {
              contents.add(contents(trainer));
              asked[0] = Requests.swap(trainer, SwapRequest.to(failing));
            }
            return false;
          });
      assertEquals(2, contents.size(), () -> "" + events.losses());
      String reason = Double.isNaN(factor) ? "not finite" : "above the limit";
      assertEquals(
          List.of(Status.PREPARED, Status.SWITCHED, Status.ROLLED_BACK),
          heard.stream().map(SwapReport::status).toList());
      assertEquals(63, heard.get(2).step(), "three good steps");
      assertThat(heard.get(2).reason()).as(heard.toString()).contains(reason);
      assertSame(contents.get(0), contents.get(1));
      assertEquals(
          "1.0",
          trainer.swapper().list().get(new SitePath("blocks.0.ffn")).plugin().version(),
          "the old version stands there");
    }
    assertEquals(70, events.steps.size());
    assertTrue(events.losses().get(69) < events.losses().get(59) * 1.2, "training goes on");
    String journal = Files.readString(folder.resolve("run/journal.jsonl"));
    for (String event : List.of("swap-prepared", "swap", "rollback")) {
      assertThat(journal).contains("\"event\":\"" + event + "\"");
    }
    assertThat(journal).contains("test-ffn (test-plugin failing)");
  }

  @Test
  void aSwapIsUndoneOnRequestWhileItIsGuarded() throws IOException {
    String overrides = TEST + "trainer { steps = 12, swap { guard-steps = 3, guard-time = 0 s } }";
    Events events = new Events();
    Map<Integer, Map<String, double[]>> contents = new TreeMap<>();
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    try (Trainer trainer = trainer("run", overrides, events)) {
      IntFunction<CompletableFuture<SwapReport>> request =
          step ->
              switch (step) {
                case 3, 7 ->
                    Requests.swap(trainer, SwapRequest.to(TestFeedForward.split("1." + step)));
                case 5, 11 -> Requests.ask(trainer.swapper()::pending, trainer.swapper()::rollback);
                default -> CompletableFuture.failedFuture(new AssertionError());
              };
      trainer.run(
          () -> {
            int step = events.steps.size();
            contents.put(step, contents(trainer));
            if (step == 3 || step == 5 || step == 7 || step == 11) {
              reports.add(request.apply(step));
            }
            return false;
          });
      assertEquals(
          List.of(Status.SWITCHED, Status.ROLLED_BACK, Status.SWITCHED, Status.REFUSED),
          reports.stream().map(each -> Requests.get(each).status()).toList());
      assertThat(Requests.get(reports.get(3)).reason())
          .as("after three steps")
          .contains("while it is guarded");
      assertThat(contents.get(6)).doesNotContainKey("blocks.0.ffn.gate");
      assertThat(contents.get(8)).containsKey("blocks.0.ffn.gate");
    }
  }

  @Test
  void anotherConfigurationIsTrainedSavedAndResumed() throws IOException {
    String overrides = DENSE + "trainer { steps = 12 }";
    String moe = "type = moe, experts = 4, hidden = 16, router { type = chunk-topk, chunk = 8 }";
    Map<Integer, SwapRequest> requests =
        Map.of(
            3,
            SwapRequest.configure(ConfigFactory.parseString(moe), "blocks.1.ffn")
                .withUnexpectedKeys(UnexpectedKeys.KEEP),
            5,
            SwapRequest.configure(ConfigFactory.parseString("window = 16"), "blocks.*.mixer"),
            6,
            SwapRequest.configure(ConfigFactory.parseString("top-k = 1"), "blocks.*.ffn.router"));
    Events whole = new Events();
    try (Trainer trainer = trainer("whole", overrides, whole)) {
      List<SwapReport> reports = train(trainer, whole, requests);
      for (SwapReport report : reports) {
        assertEquals(Status.SWITCHED, report.status(), report.reason());
      }
      assertThat(reports.get(0).parameters().kept()).contains("blocks.1.ffn.gate_proj.weight");
      assertEquals(List.of(), reports.get(1).parameters().initialised());
    }
    assertTrue(whole.losses().get(11) < whole.losses().get(2));
    Events first = new Events();
    try (Trainer trainer = trainer("parts", overrides, first)) {
      trainer.run(
          () -> {
            SwapRequest request = requests.get(first.steps.size());
            if (request != null) {
              assertFalse(Requests.swap(trainer, request).isDone());
            }
            return first.steps.size() == 8;
          });
    }
    Path saved = new RunFolder(folder.resolve("parts")).resumeConfig();
    assertThat(saved.toString()).contains("step-000008");
    assertThat(Files.readString(saved).replace(" ", "")).contains("top-k=1");
    assertEquals(Files.readString(saved), Files.readString(folder.resolve("parts/config.conf")));
    assertThat(Files.readString(saved)).contains("moe");
    Experiment experiment =
        Experiment.read(
            ConfigFactory.parseFile(saved.toFile()).resolve(), Trials.PLUGINS, java.util.List.of());
    Events second = new Events();
    try (Trainer trainer =
        new Trainer(
            experiment,
            experiment.open(List.of(folder), bytes -> {}),
            COMPONENTS,
            Devices.cpu(),
            new RunFolder(folder.resolve("parts")),
            second)) {
      assertEquals(8, trainer.resume(UnexpectedKeys.ERROR));
      assertTrue(
          trainer.model().parameters().all().stream()
              .anyMatch(each -> each.unused() && each.name().contains("gate_proj")));
      trainer.run(() -> false);
    }
    assertEquals(List.of(), second.warnings);
    assertEquals(whole.losses().subList(0, 8), first.losses());
    assertEquals(whole.losses().subList(8, 12), second.losses());
  }

  @Test
  void whatIsRefusedIsInTheJournalAndChangesNothing() throws IOException {
    Events plain = new Events();
    try (Trainer trainer = trainer("plain", TEST + "trainer { steps = 6 }", plain)) {
      trainer.run(() -> false);
    }
    Events events = new Events();
    try (Trainer trainer = trainer("run", TEST + "trainer { steps = 6 }", events)) {
      List<SwapReport> reports =
          train(trainer, events, Map.of(2, SwapRequest.to(TestFeedForward.failing(0, Double.NaN))));
      assertEquals(Status.REFUSED, reports.get(0).status());
    }
    assertEquals(plain.losses(), events.losses());
    assertThat(Files.readString(folder.resolve("run/journal.jsonl")))
        .contains("blocks.0.ffn: the output is not finite");
    assertThat(Files.readString(folder.resolve("run/journal.jsonl")))
        .contains("\"request\":\"test-ffn (test-plugin failing)\"");
  }
}
