package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.PluginId;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.Dataset;
import dev.hydra.ffn.moe.MoeFactory;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.TextGenerator;
import dev.hydra.memory.pkm.ProductKeyMemoryFactory;
import dev.hydra.memory.workspace.WorkspaceFactory;
import dev.hydra.mixer.attention.SparseGlobalFactory;
import dev.hydra.mixer.mamba.Mamba2Factory;
import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.testing.Garbage;
import dev.hydra.testing.Handles;
import dev.hydra.trainer.evaluation.Evaluator;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Components that are exchanged for the same ones of another class loader. */
class SwapTest {
  private static final Class<?>[] PLUGINS = {
    Mamba2Factory.class,
    SparseGlobalFactory.class,
    MoeFactory.class,
    ChunkTopKRouterFactory.class,
    WorkspaceFactory.class,
    ProductKeyMemoryFactory.class
  };

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp32", "bf16"})
  void theSameImplementationGivesTheSameLosses(String precision) throws IOException {
    String overrides = "trainer { steps = 16, precision = " + precision + " }";
    Events plain = new Events();
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("plain"), overrides, plain)) {
      trainer.run(() -> false);
    }
    Events swapped = new Events();
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("swaps"), overrides, swapped)) {
      trainer.run(
          () -> {
            int step = swapped.steps.size();
            if (step % 3 == 0 && step < 16) {
              reports.add(
                  Requests.swap(trainer, SwapRequest.to(FreshPlugins.all("1.0." + step, PLUGINS))));
            }
            return false;
          });
      assertEquals(
          List.of("1.0.15"),
          trainer.swapper().list().values().stream()
              .map(each -> each.plugin().version())
              .distinct()
              .toList());
    }
    assertEquals(plain.losses(), swapped.losses());
    assertEquals(6, reports.size());
    for (CompletableFuture<SwapReport> each : reports) {
      SwapReport report = Requests.get(each);
      assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
      assertEquals(8, report.sites().size(), "every site; routers go with their layers");
      assertEquals(List.of(), report.parameters().initialised());
    }
  }

  @Test
  void nothingOfAComponentStaysBehind() throws IOException {
    String overrides =
        "trainer { steps = 310, batch-size = 1, swap.guard-steps = 0 }, data.sequence-length = 16";
    Events events = new Events();
    List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
    AtomicReference<Handles> handles = new AtomicReference<>();
    List<Integer> threads = new ArrayList<>();
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("run"), overrides, events)) {
      trainer.run(
          () -> {
            int step = events.steps.size();
            if (step == 10) {
              collect(loaders); // what plugins hold in constants goes with their classes
              handles.set(Handles.count());
              threads.add(Thread.activeCount());
            } else if (step == 309) {
              collect(loaders);
              handles.get().sampleCollected();
              threads.add(Thread.activeCount());
            }
            if (step > 0 && step <= 309) {
              assertNotNull(loaders.get(step - 1).get(), "the plugin in use is alive");
            }
            if (step < 309) {
              loaders.add(swapAll(trainer, step));
            }
            return false;
          });
      long alive = collect(loaders);
      assertEquals(309, loaders.size());
      assertTrue(
          alive <= PLUGINS.length,
          alive + " class loaders are alive; only the last of each plugin is in use");
    }
    handles.get().assertFlat(1);
    assertEquals(2, threads.size());
    assertEquals(threads.get(0), threads.get(1), "threads");
  }

  @Test
  void knowsThePluginsThatUndoingWouldBringBack() throws IOException {
    String attention = SparseGlobalFactory.class.getPackageName();
    Events events = new Events();
    List<List<String>> versions = new ArrayList<>();
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve("run"), "trainer.steps = 5", events)) {
      trainer.run(
          () -> {
            versions.add(
                trainer.swapper().plugins().stream()
                    .filter(plugin -> plugin.name().equals(attention))
                    .map(PluginId::version)
                    .toList());
            int step = events.steps.size();
            if (step == 1 || step == 2) {
              SwapRequest next =
                  SwapRequest.to(FreshPlugins.of(SparseGlobalFactory.class, "1." + step));
              reports.add(Requests.swap(trainer, next));
            } else if (step == 3) {
              reports.add(Requests.ask(trainer.swapper()::pending, trainer.swapper()::rollback));
            }
            return false;
          });
    }
    String first = versions.get(0).get(0);
    assertEquals(
        List.of(
            List.of(first),
            List.of(first),
            List.of(first, "1.1").stream().sorted().toList(),
            List.of("1.1", "1.2"),
            List.of("1.1")),
        versions.subList(0, 5));
    assertEquals(SwapReport.Status.ROLLED_BACK, Requests.get(reports.get(2)).status());
  }

  @Test
  void generationGoesOn() throws IOException {
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve("run"), "trainer.steps = 2", new Events())) {
      trainer.run(() -> false);
      Request request =
          new Request(new int[] {65, 66, 67, 68}, 24, new Sampling(0, 0, 1, 0), Set.of());
      List<Integer> plain = new ArrayList<>();
      TextGenerator generator = new TextGenerator(trainer.model(), 256, GenerationSettings.NONE);
      generator.generate(request, () -> false, plain::add);
      List<Integer> swapped = new ArrayList<>();
      List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
      try (Swapper swapper = new Swapper(trainer.model(), SwapHost.none())) {
        generator
            .swapping(swapper)
            .generate(
                request,
                () -> false,
                token -> {
                  swapped.add(token);
                  if (swapped.size() % 5 == 0) {
                    reports.add(
                        Requests.ask(
                            swapper::pending,
                            () -> swapper.swap(SwapRequest.to(FreshPlugins.all("2", PLUGINS)))));
                  }
                  return true;
                });
      }
      assertEquals(plain, swapped);
      assertEquals(4, reports.size());
      for (CompletableFuture<SwapReport> each : reports) {
        assertEquals(
            SwapReport.Status.SWITCHED, Requests.get(each).status(), Requests.get(each).reason());
      }
    }
  }

  @Test
  void evaluationGoesOn() throws IOException {
    try (Trainer trainer =
            Trials.trainer(folder, folder.resolve("run"), "trainer.steps = 2", new Events());
        Swapper swapper = new Swapper(trainer.model(), SwapHost.none())) {
      trainer.run(() -> false);
      Dataset dataset = Trials.experiment("").data().open(List.of(folder));
      Evaluator evaluator = new Evaluator(trainer.model(), dataset, 4);
      double plain = evaluator.score(40, () -> false, (set, done, of) -> {}).get(0).loss();
      List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
      int[] batch = {0};
      double swapped =
          evaluator
              .swapping(swapper)
              .score(
                  40,
                  () -> {
                    if (batch[0]++ % 4 == 1) {
                      reports.add(
                          Requests.ask(
                              swapper::pending,
                              () -> swapper.swap(SwapRequest.to(FreshPlugins.all("2", PLUGINS)))));
                    }
                    return false;
                  },
                  (set, done, of) -> {})
              .get(0)
              .loss();
      assertEquals(plain, swapped);
      assertEquals(3, reports.size());
      for (CompletableFuture<SwapReport> each : reports) {
        assertEquals(
            SwapReport.Status.SWITCHED, Requests.get(each).status(), Requests.get(each).reason());
      }
    }
  }

  @Test
  void aRunThatIsKilledBeforeTheSwitchCanBeResumed() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                KilledRun.class.getName(),
                folder.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("output").toFile())
            .start();
    assertEquals(KilledRun.STATUS, process.waitFor(), () -> "see the output in " + folder);
    String journal = Files.readString(folder.resolve("run/journal.jsonl"));
    assertThat(journal).contains("swap-prepared").doesNotContain("\"swap\"");
    Events resumed = new Events();
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve("run"), KilledRun.OVERRIDES, resumed)) {
      assertEquals(4, trainer.resume(UnexpectedKeys.ERROR));
      trainer.run(() -> false);
    }
    Events whole = new Events();
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve("whole"), KilledRun.OVERRIDES, whole)) {
      trainer.run(() -> false);
    }
    assertEquals(List.of(), resumed.warnings);
    assertEquals(whole.losses().subList(4, 8), resumed.losses());
  }

  /** Collects garbage; how many of the class loaders are left. */
  private static long collect(List<WeakReference<ClassLoader>> loaders) {
    return Garbage.collect(() -> loaders.stream().filter(each -> each.get() != null).count());
  }

  /** Swaps one plugin after the other; gives its class loader. */
  private static WeakReference<ClassLoader> swapAll(Trainer trainer, int step) {
    var registration = FreshPlugins.of(PLUGINS[step % PLUGINS.length], "1.0." + step);
    WeakReference<ClassLoader> loader =
        new WeakReference<>(registration.factory().getClass().getClassLoader());
    CompletableFuture<SwapReport> report = Requests.swap(trainer, SwapRequest.to(registration));
    if (report.isDone()) {
      throw new AssertionError(Requests.get(report).reason());
    }
    return loader;
  }
}
