package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.testing.DeviceMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** Decoding replayed from CUDA graphs against decoding issued operator by operator. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class EngineCudaTest {
  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

  /** Without experts. */
  static final String DENSE =
      """
      model.block.paths = [
        { mixer { type = mamba2, state = 8, head-dim = 16 }, gate = 1.0 }
        { mixer { type = sparse-global, heads = 2, window = 8, global-every = 4, globals = 3 }
          gate = 1.0, at = "::2" }
        { mixer { type = full, heads = 2 }, name = attention, gate = 1.0, at = "1::2" }
        { ffn { type = swiglu, hidden = 32 }, gate = 1.0 }
        { memory { type = workspace, slots = 4, dim = 8, heads = 2, chunk = 6 }
          gate = learned, at = "1" }
        { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 }
          gate = learned, at = "2" }
      ]
      """;

  private static final Device CUDA = new Device("cuda:0");

  /** In float32: of other numbers of rows come the same tokens. */
  private static Model model;

  @BeforeAll
  static void build() {
    model = Trial.model(new Placement(CUDA, ScalarType.Float), DENSE);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static List<Request> requests(SplittableRandom random, int count, Sampling... ways) {
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Sampling way = ways[i % ways.length].withSeed(i);
      int tokens = 20 + random.nextInt(30);
      requests.add(new Request(Trial.prompt(random, 40), tokens, way, Set.of()));
    }
    return requests;
  }

  /** What each request is answered; they join a few at a time. */
  private static List<List<Integer>> answers(Engine engine, List<Request> requests) {
    List<Trial.Heard> heard = new ArrayList<>();
    for (int step = 0; heard.size() < requests.size() || engine.isBusy(); step++) {
      if (step % 3 == 0 && heard.size() < requests.size()) {
        heard.add(new Trial.Heard());
        engine.open(requests.get(heard.size() - 1), heard.get(heard.size() - 1));
      }
      engine.step();
    }
    List<List<Integer>> answers = new ArrayList<>();
    for (Trial.Heard each : heard) {
      assertThat(each.problem).isNull();
      answers.add(each.tokens);
    }
    return answers;
  }

  private static void compare(int sessions, Sampling... ways) {
    compare(model, sessions, ways);
  }

  private static void compare(Model model, int sessions, Sampling... ways) {
    List<Request> requests = requests(new SplittableRandom(sessions), 2 * sessions, ways);
    try (Engine issued = Trial.engine(model, sessions, 0, GraphMode.OFF);
        Engine captured = Trial.engine(model, sessions, 0, GraphMode.AUTO)) {
      assertEquals(answers(issued, requests), answers(captured, requests));
      assertEquals(0, issued.replayed());
      assertThat(captured.replayed()).isGreaterThan(10);
    }
  }

  @Test
  void aReplayedTextIsTheSame() {
    compare(1, GREEDY);
  }

  @Test
  void withEveryKindOfState() {
    try (Model whole = Trial.model(new Placement(CUDA, ScalarType.BFloat16), "")) {
      compare(whole, 1, GREEDY);
      compare(whole, 1, new Sampling(1, 0, 1, 0));
    }
  }

  @Test
  void alsoWithExpertsInFloat32() {
    try (Model whole = Trial.model(new Placement(CUDA, ScalarType.Float), "")) {
      compare(whole, 4, GREEDY);
    }
  }

  @Test
  void soAreTextsTogether() {
    compare(8, GREEDY);
  }

  @Test
  void alsoDrawnAtRandom() {
    compare(4, new Sampling(1, 0, 1, 0));
    compare(4, new Sampling(0.9, 5, 0.9, 0));
    compare(4, new Sampling(1, 0, 1, 0.05, 1, 0, 0, Map.of(), 0));
  }

  @Test
  void alsoEachInItsOwnWay() {
    compare(
        6,
        GREEDY,
        new Sampling(1, 0, 1, 0),
        new Sampling(1, 0, 1, 0.2, 1.3, 0.5, 0.5, Map.of(3, 2.0), 0));
  }

  @Test
  void aLongTextOutgrowsItsBuffers() {
    List<Request> one =
        List.of(new Request(Trial.prompt(new SplittableRandom(4), 200), 700, GREEDY, Set.of()));
    try (Engine issued = Trial.engine(model, 1, 0, GraphMode.OFF);
        Engine captured = Trial.engine(model, 1, 0, GraphMode.AUTO)) {
      assertEquals(answers(issued, one), answers(captured, one));
      assertThat(captured.replayed()).isGreaterThan(650);
    }
  }

  @Test
  void afterASwapItIsCapturedAgain() throws InterruptedException {
    Request request = new Request(new int[] {1, 2, 3}, 60, GREEDY, Set.of());
    List<List<Integer>> expected;
    try (Engine engine = Trial.engine(model, 1, 0, GraphMode.OFF)) {
      expected = answers(engine, List.of(request));
    }
    try (Swapper swapper = new Swapper(model, SwapHost.none());
        Engine engine =
            new Engine(
                model,
                EngineSettings.of(new EngineLimits(1, 1, 1000, 7, 0)).withSwapper(swapper))) {
      Trial.Heard heard = new Trial.Heard();
      engine.open(request, heard);
      CompletableFuture<SwapReport> report = null;
      long before = 0;
      for (int step = 0; engine.isBusy(); step++) {
        engine.step();
        if (step == 20) {
          before = engine.replayed();
          SwapRequest swap =
              SwapRequest.configure(ConfigFactory.parseString("chunk = 16"), Trial.MAMBA.get(1));
          report = CompletableFuture.supplyAsync(() -> swapper.swap(swap));
          while (!swapper.pending() && !report.isDone()) {
            Thread.sleep(1);
          }
        }
      }
      assertEquals(SwapReport.Status.SWITCHED, report.join().status(), report.join().reason());
      assertThat(heard.problem).isNull();
      assertEquals(expected, List.of(heard.tokens));
      assertThat(before).isGreaterThan(10);
      assertThat(engine.replayed()).isGreaterThan(before + 20);
    }
  }

  @Test
  @Tag("alone")
  void capturedAgainAndAgainItTakesNoMoreMemoryAndNoHandles() {
    long free = 0;
    long handles = 0;
    for (int round = 0; round < 16; round++) {
      try (Engine engine = Trial.engine(model, 4, 0, GraphMode.AUTO)) {
        answers(engine, requests(new SplittableRandom(round), 8, GREEDY));
        assertThat(engine.replayed()).isPositive();
      }
      torch_cuda.getAllocator().emptyCache();
      System.gc();
      if (round == 4) {
        free = DeviceMemory.free();
        handles = Scopes.liveHandles();
      }
    }
    DeviceMemory.assertGivenBack(free);
    assertTrue(Scopes.liveHandles() <= handles + 20, handles + " before, " + Scopes.liveHandles());
  }
}
