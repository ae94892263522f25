package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.Handles;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class EngineTest {
  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

  /** Every token goes through every expert, so that rounding chooses none. */
  private static final String WIDE =
      """
      model.width = 128
      model.block.paths = [
        { mixer { type = mamba2, state = 8, head-dim = 16 }, gate = 1.0 }
        { mixer { type = full, heads = 2 }, name = attention, gate = 1.0, at = "1::2" }
        { ffn { type = moe, experts = 2, hidden = 128
                router { type = chunk-topk, chunk = 5, top-k = 2 } }, gate = 1.0 }
      ]
      """;

  private static Model model;

  @BeforeAll
  static void build() {
    model = Trial.model();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static Request request(int[] prompt, int tokens, Sampling sampling) {
    return new Request(prompt, tokens, sampling, Set.of());
  }

  private static Trial.Heard alone(Request request) {
    return alone(model, request);
  }

  private static Trial.Heard alone(Model model, Request request) {
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = Trial.engine(model, 1, 0)) {
      engine.open(request, heard);
      while (engine.step()) {}
    }
    assertThat(heard.problem).isNull();
    return heard;
  }

  /** Sessions of random length that join at random say what each says alone. */
  private static void together(SplittableRandom random, long prefixBytes, Sampling... ways) {
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      Sampling way = ways[i % ways.length].withSeed(i);
      requests.add(request(Trial.prompt(random, 40), 1 + random.nextInt(30), way));
    }
    List<Trial.Heard> heard = new ArrayList<>();
    try (Engine engine = Trial.engine(model, 16, prefixBytes)) {
      while (heard.size() < requests.size() || engine.isBusy()) {
        while (heard.size() < requests.size() && random.nextInt(3) > 0) {
          heard.add(new Trial.Heard());
          engine.open(requests.get(heard.size() - 1), heard.get(heard.size() - 1));
        }
        engine.step();
      }
    }
    for (int i = 0; i < requests.size(); i++) {
      assertThat(heard.get(i).problem).isNull();
      assertEquals(FinishReason.LENGTH, heard.get(i).reason);
      assertEquals(alone(requests.get(i)).tokens, heard.get(i).tokens, "session " + i);
    }
  }

  @Test
  void sessionsTogetherSayWhatTheySayAlone() {
    for (int seed = 0; seed < 3; seed++) {
      together(new SplittableRandom(seed), 0, GREEDY);
    }
  }

  @Test
  void whoLooksSeesWhatComponentsShowAndTheTextIsTheSame() throws InterruptedException {
    Request request = request(new int[] {3, 1, 4}, 30, GREEDY);
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = Trial.engine(model, 1, 0)) {
      assertEquals(0, engine.observations().look().step(), "nothing was seen yet");
      engine.open(request, heard);
      while (engine.step()) {
        engine.observations().look();
        Thread.sleep(15);
      }
      Observations.Seen seen = engine.observations().look();
      assertThat(seen.step()).isBetween(2L, 30L);
      double[] load = seen.values().get("blocks.0.ffn.router.load");
      assertThat(seen.values()).containsKey("blocks.1.memory.gate");
      assertThat(load).as(seen.values().keySet().toString()).hasSize(4);
      assertEquals(1, load[0] + load[1] + load[2] + load[3], 1e-6);
      Map<Long, Double> rows = seen.largest().values().iterator().next();
      assertThat(seen.largest()).hasSize(1).containsKey("blocks.2.memory2.rows");
      assertThat(rows.keySet()).as("of 64, two heads read two each").hasSizeBetween(2, 4);
      assertEquals(1, rows.values().stream().mapToDouble(each -> each).sum(), 1e-6);
    }
    assertEquals(alone(request).tokens, heard.tokens);
  }

  @Test
  void soDoTheyWithKeptPrefixes() {
    together(new SplittableRandom(7), 1 << 20, GREEDY);
  }

  @Test
  void seedsMakeTextsWhateverIsBesideThem() {
    together(
        new SplittableRandom(9),
        0,
        GREEDY,
        new Sampling(1, 0, 1, 0),
        new Sampling(0.9, 5, 1, 0),
        new Sampling(1.1, 0, 0.8, 0),
        new Sampling(1, 0, 1, 0.2, 1.3, 0.5, 0.5, Map.of(3, 2.0), 0));
  }

  @Test
  void keptPrefixesAreUsed() {
    int[] prompt = new SplittableRandom(1).ints(40, 0, Trial.VOCABULARY).toArray();
    List<Integer> expected = alone(request(prompt, 8, GREEDY)).tokens;
    try (Engine engine = Trial.engine(model, 4, 1 << 22)) {
      for (int i = 0; i < 3; i++) {
        Trial.Heard heard = new Trial.Heard();
        engine.open(request(prompt, 8, GREEDY), heard);
        while (engine.step()) {}
        assertEquals(expected, heard.tokens);
      }
      assertEquals(39, engine.statistics().snapshot().promptTokens());
      assertEquals(2 * 39, engine.statistics().snapshot().reusedTokens());
      int[] longer = new int[prompt.length + expected.size()];
      System.arraycopy(prompt, 0, longer, 0, prompt.length);
      for (int i = 0; i < expected.size(); i++) {
        longer[prompt.length + i] = expected.get(i);
      }
      Trial.Heard heard = new Trial.Heard();
      engine.open(request(longer, 8, GREEDY), heard);
      while (engine.step()) {}
      assertEquals(alone(request(longer, 8, GREEDY)).tokens, heard.tokens);
      assertEquals(39, engine.statistics().snapshot().promptTokens());
    }
  }

  @Test
  void scoresAreThoseOfTheScorer() {
    scoresAreThoseOfTheScorer(model, 1e-4);
  }

  /**
   * Matrices that are wide enough are multiplied in a layout of their own where one step is made.
   */
  @Test
  void soAreThoseOfWideMatricesInBfloat16() {
    Placement placement = new Placement(Devices.cpu(), ScalarType.BFloat16);
    try (Model wide = Trial.model(placement, WIDE)) {
      scoresAreThoseOfTheScorer(wide, 0.1);
    }
  }

  private static void scoresAreThoseOfTheScorer(Model model, double bound) {
    int[] prompt = Trial.prompt(new SplittableRandom(3), 40);
    Request.ScoreRequest all = new Request.ScoreRequest(true, true, 3);
    Trial.Heard heard = alone(model, new Request(prompt, 5, GREEDY, Set.of(), all));
    int[] text = new int[prompt.length + 5];
    System.arraycopy(prompt, 0, text, 0, prompt.length);
    for (int i = 0; i < 5; i++) {
      text[prompt.length + i] = heard.tokens.get(i);
    }
    double[] expected = new SequenceScorer(model).logProbabilities(text);
    List<TokenScore> scores = new ArrayList<>(heard.prompt);
    scores.addAll(heard.scores);
    assertEquals(expected.length, scores.size());
    for (int i = 0; i < expected.length; i++) {
      assertEquals(text[i + 1], scores.get(i).token());
      assertEquals(expected[i], scores.get(i).logProbability(), bound);
      assertEquals(3, scores.get(i).likeliest().size());
    }
    assertEquals(heard.tokens.get(0), heard.scores.get(0).likeliest().get(0).token());
    assertEquals(
        heard.scores.get(0).logProbability(),
        heard.scores.get(0).likeliest().get(0).logProbability());
  }

  @Test
  void endsAtEndTokensWhenToldAndWhenCancelled() {
    int[] prompt = {1, 2, 3};
    List<Integer> tokens = alone(request(prompt, 10, GREEDY)).tokens;
    Trial.Heard ended = alone(new Request(prompt, 10, GREEDY, Set.of(tokens.get(4))));
    int first = tokens.indexOf(tokens.get(4));
    assertEquals(tokens.subList(0, first + 1), ended.tokens);
    assertEquals(FinishReason.STOP, ended.reason);
    try (Engine engine = Trial.engine(model, 2, 0)) {
      Trial.Heard heard = new Trial.Heard();
      Session session = engine.open(request(prompt, 10, GREEDY), heard);
      engine.step();
      session.cancel();
      while (engine.step()) {}
      assertEquals(FinishReason.CANCELLED, heard.reason);
      assertThat(heard.tokens).hasSizeLessThan(3);
    }
  }

  @Test
  void isBounded() {
    Engine engine = new Engine(model, EngineSettings.of(new EngineLimits(2, 3, 20, 8, 0)));
    assertThrows(
        IllegalArgumentException.class,
        () -> engine.open(request(new int[] {1}, 20, GREEDY), new Trial.Heard()));
    assertThrows(
        IllegalArgumentException.class,
        () -> engine.open(request(new int[0], 1, GREEDY), new Trial.Heard()));
    assertThrows(
        IllegalArgumentException.class,
        () -> engine.open(request(new int[] {97}, 1, GREEDY), new Trial.Heard()));
    for (int i = 0; i < 5; i++) {
      engine.open(request(new int[] {1}, 2, GREEDY), new Trial.Heard());
    }
    assertThrows(
        EngineBusyException.class,
        () -> engine.open(request(new int[] {1}, 2, GREEDY), new Trial.Heard()));
    Trial.Heard last = new Trial.Heard();
    engine.step();
    engine.open(request(new int[] {1}, 2, GREEDY), last);
    engine.close();
    assertEquals(FinishReason.CANCELLED, last.reason);
    assertThrows(
        IllegalStateException.class,
        () -> engine.open(request(new int[] {1}, 2, GREEDY), new Trial.Heard()));
  }

  /** Another instance of a component takes over under load, and nobody notices. */
  @Test
  void componentsAreSwappedUnderLoad() throws InterruptedException {
    SplittableRandom random = new SplittableRandom(21);
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      requests.add(request(Trial.prompt(random, 40), 30, GREEDY));
    }
    List<List<Integer>> expected = requests.stream().map(each -> alone(each).tokens).toList();
    List<Trial.Heard> heard = new ArrayList<>();
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    try (Swapper swapper = new Swapper(model, SwapHost.none());
        Engine engine =
            new Engine(
                model,
                EngineSettings.of(new EngineLimits(8, 8, 1000, 7, 1 << 20)).withSwapper(swapper))) {
      for (Request each : requests) {
        heard.add(new Trial.Heard());
        engine.open(each, heard.get(heard.size() - 1));
      }
      reports.addAll(Trial.runAndSwap(engine, swapper));
    }
    assertThat(reports).hasSizeGreaterThan(2);
    for (CompletableFuture<SwapReport> report : reports) {
      assertEquals(SwapReport.Status.SWITCHED, report.join().status(), report.join().reason());
    }
    for (int i = 0; i < requests.size(); i++) {
      assertThat(heard.get(i).problem).isNull();
      assertEquals(expected.get(i), heard.get(i).tokens, "session " + i);
    }
  }

  /** So that nobody waits for a step that cannot come. */
  @Test
  @Timeout(60)
  void theSwapperKnowsWhoDecodesAndHowFar() {
    try (Swapper swapper = new Swapper(model, SwapHost.none());
        Engine engine =
            new Engine(
                model, EngineSettings.of(new EngineLimits(1, 0, 100, 7, 0)).withSwapper(swapper))) {
      Trial.Heard heard =
          new Trial.Heard() {
            @Override
            public boolean token(TokenScore token) {
              super.token(token);
              if (tokens.size() == 6) {
                swapper.swap(
                    SwapRequest.configure(
                        ConfigFactory.parseString("chunk = 16"), Trial.MAMBA.get(0)));
              }
              return true;
            }
          };
      engine.open(request(new int[] {1, 2, 3}, 20, GREEDY), heard);
      while (engine.step()) {}
      assertEquals(5, swapper.step());
      assertThat(heard.problem)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("cannot wait for itself");
    }
  }

  @Test
  void leavesNothingBehind() {
    Handles.assertFreesItself(
        20,
        () -> {
          SplittableRandom random = new SplittableRandom(2);
          try (Engine engine = Trial.engine(model, 4, 1 << 20)) {
            List<Session> sessions = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
              Sampling way = new Sampling(1, 4, 0.9, 0, 1.2, 0.1, 0, Map.of(), i);
              sessions.add(
                  engine.open(request(Trial.prompt(random, 20), 6, way), new Trial.Heard()));
            }
            for (int i = 0; i < 3; i++) {
              engine.step();
            }
            sessions.get(1).cancel();
            engine.step();
          }
        });
  }
}
