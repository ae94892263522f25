package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.graphs.GraphMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * An engine whose steps are made before the host knows the tokens of the one before, against one
 * that waits for them: whatever happens to a session, texts are the same.
 */
abstract class AheadContract {
  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0);
  static final Sampling RANDOM = new Sampling(1, 0, 1, 0);

  /** Tokens of {@link #PROMPT} that are kept by themselves: all but the last. */
  private static final int READ_OF_PROMPT = 4;

  private static final int[] PROMPT = {3, 1, 4, 1, 5};

  /** How many steps were made ahead. */
  private int ahead;

  /** At which of them there is a failure. */
  private int failure = -1;

  /** Returns the model, which is the test's. */
  abstract Model model();

  /** Returns what makes steps ahead, and says so to {@link #madeAhead}. */
  abstract DecodingStep steps(BatchState batch);

  /** Returns how many steps of a kind are made before the first that another can follow. */
  abstract int warmUp();

  /** Returns how many steps were made ahead. */
  final int ahead() {
    return ahead;
  }

  /** Counts a step that was made ahead. */
  final void madeAhead() {
    if (ahead++ == failure) {
      throw new IllegalStateException("out of order");
    }
  }

  final Engine engine(int sessions, long prefixBytes, @Nullable Swapper swapper) {
    return new Engine(
        model(),
        EngineSettings.of(new EngineLimits(sessions, 100, 1000, 7, prefixBytes))
            .withSwapper(swapper),
        this::steps);
  }

  static Request request(int[] prompt, int tokens, Sampling way, Integer... end) {
    return new Request(prompt, tokens, way, Set.of(end));
  }

  private Trial.Heard alone(Request request) {
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = Trial.engine(model(), 1, 0, GraphMode.OFF)) {
      engine.open(request, heard);
      while (engine.step()) {}
    }
    assertThat(heard.problem).isNull();
    return heard;
  }

  private void assertSame(Request request, Trial.Heard heard) {
    Trial.Heard expected = alone(request);
    assertThat(heard.problem).isNull();
    assertEquals(expected.tokens, heard.tokens);
    assertEquals(expected.reason, heard.reason);
  }

  /** Ends, at the earliest after some tokens, with one that the text would have gone on after. */
  private Request ending(Request request, int after) {
    List<Integer> tokens = alone(request).tokens;
    int end =
        IntStream.range(after, tokens.size())
            .filter(i -> tokens.indexOf(tokens.get(i)) == i)
            .map(tokens::get)
            .findFirst()
            .orElse(tokens.get(after));
    return request(request.prompt(), request.maxTokens(), request.sampling(), end);
  }

  private static int[] text(Request request, Trial.Heard heard) {
    int[] text = Arrays.copyOf(request.prompt(), request.prompt().length + heard.tokens.size());
    for (int i = 0; i < heard.tokens.size(); i++) {
      text[request.prompt().length + i] = heard.tokens.get(i);
    }
    return text;
  }

  /**
   * Sessions of unequal length join and leave, some of them at a token that nobody could foresee.
   */
  private void together(SplittableRandom random, Sampling... ways) {
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      Sampling way = ways[i % ways.length].withSeed(i);
      Request whole = request(Trial.prompt(random, 30), 2 + random.nextInt(40), way);
      requests.add(i % 3 == 0 ? whole : ending(whole, random.nextInt(whole.maxTokens())));
    }
    List<Trial.Heard> heard = new ArrayList<>();
    try (Engine engine = engine(3, 0, null)) {
      while (heard.size() < requests.size() || engine.isBusy()) {
        if (heard.size() < requests.size() && random.nextInt(5) == 0) {
          heard.add(new Trial.Heard());
          engine.open(requests.get(heard.size() - 1), heard.get(heard.size() - 1));
        }
        engine.step();
      }
      assertEquals(
          heard.stream().mapToLong(each -> each.tokens.size()).sum(),
          engine.statistics().snapshot().drawnTokens());
    }
    for (int i = 0; i < requests.size(); i++) {
      assertSame(requests.get(i), heard.get(i));
    }
  }

  @Test
  void textsAreThoseOfAnEngineThatWaits() {
    together(new SplittableRandom(1), GREEDY);
    assertThat(ahead).isGreaterThan(20);
    together(new SplittableRandom(2), RANDOM);
    assertThat(ahead).isGreaterThan(40);
    together(
        new SplittableRandom(3),
        GREEDY,
        new Sampling(0.9, 5, 0.9, 0),
        new Sampling(1, 0, 1, 0.2, 1.3, 0.5, 0.5, Map.of(3, 2.0), 0));
  }

  @Test
  void allStepsOfATextAreMadeAheadOnceOneCanBe() {
    Request request = request(new int[] {3, 1, 4}, 20, GREEDY);
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = engine(1, 0, null)) {
      engine.open(request, heard);
      while (engine.step()) {}
      assertEquals(20, engine.statistics().snapshot().steps());
    }
    assertEquals(19 - warmUp(), ahead);
    assertSame(request, heard);
  }

  @Test
  void aTextThatHasEndedHasNoFurtherToken() {
    Request ending = ending(request(new int[] {3, 1, 4}, 20, RANDOM), 7);
    int length = alone(ending).tokens.size();
    assertThat(length).isBetween(8, 19);
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = engine(1, 0, null)) {
      engine.open(ending, heard);
      while (engine.step()) {}
      engine.step();
      assertEquals(length, engine.statistics().snapshot().steps());
      assertEquals(length, engine.statistics().snapshot().drawnTokens());
      Trial.Heard next = new Trial.Heard();
      engine.open(ending, next);
      while (engine.step()) {}
      assertSame(ending, next);
    }
    assertEquals(2 * length - warmUp(), ahead);
    assertSame(ending, heard);
  }

  /**
   * The step too many has read the last token, which the text has: what is kept is of all of it.
   */
  @Test
  void whatIsKeptOfATextIsWhatItsStateHasSeen() {
    Request whole = request(PROMPT, 20, RANDOM);
    for (Request request : List.of(whole, ending(whole, 7))) {
      try (Engine engine = engine(2, 1 << 22, null)) {
        Trial.Heard heard = new Trial.Heard();
        engine.open(request, heard);
        while (engine.step()) {}
        int[] text = text(request, heard);
        int[] longer = Arrays.copyOf(text, text.length + 3);
        int[] other = longer.clone();
        other[text.length - 1] = (other[text.length - 1] + 1) % Trial.VOCABULARY;
        for (int[] prompt : List.of(other, longer)) {
          Request more = request(prompt, 10, GREEDY);
          Trial.Heard goesOn = new Trial.Heard();
          engine.open(more, goesOn);
          while (engine.step()) {}
          assertSame(more, goesOn);
        }
        assertEquals(
            heard.reason == FinishReason.LENGTH
                ? 2L * (text.length - 1) // all but the last token, and both begin so
                : text.length + READ_OF_PROMPT,
            engine.statistics().snapshot().reusedTokens());
      }
    }
  }

  @Test
  void whoIsCancelledLeavesTheOthersAsTheyAre() {
    List<Request> requests =
        List.of(
            request(new int[] {1, 2}, 30, RANDOM.withSeed(5)),
            request(new int[] {3, 4, 5}, 30, RANDOM),
            request(new int[] {6, 7, 8, 9}, 30, RANDOM.withSeed(7)));
    List<Trial.Heard> heard = new ArrayList<>();
    try (Engine engine = engine(3, 1 << 22, null)) {
      List<Session> sessions = new ArrayList<>();
      for (Request each : requests) {
        heard.add(new Trial.Heard());
        sessions.add(engine.open(each, heard.get(heard.size() - 1)));
      }
      while (heard.get(0).tokens.size() < 10) {
        engine.step();
      }
      int before = ahead;
      assertThat(before).isPositive();
      sessions.get(0).cancel();
      while (engine.step()) {}
      assertEquals(FinishReason.CANCELLED, heard.get(0).reason);
      assertEquals(10, heard.get(0).tokens.size());
      assertThat(ahead).isGreaterThan(before + 10);
      int[] text = text(requests.get(0), heard.get(0));
      Request more = request(Arrays.copyOf(text, text.length + 3), 10, GREEDY);
      Trial.Heard goesOn = new Trial.Heard();
      engine.open(more, goesOn);
      while (engine.step()) {}
      assertSame(more, goesOn);
      assertEquals(text.length, engine.statistics().snapshot().reusedTokens());
    }
    assertEquals(alone(requests.get(0)).tokens.subList(0, 10), heard.get(0).tokens);
    assertSame(requests.get(1), heard.get(1));
    assertSame(requests.get(2), heard.get(2));
  }

  @Test
  void componentsAreSwappedBetweenSteps() throws InterruptedException {
    List<Request> requests =
        List.of(
            request(new int[] {1, 2}, 40, RANDOM.withSeed(5)),
            request(new int[] {3, 4, 5}, 40, RANDOM),
            ending(request(new int[] {6, 7, 8, 9}, 40, RANDOM.withSeed(7)), 20));
    List<Trial.Heard> heard = new ArrayList<>();
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    try (Swapper swapper = new Swapper(model(), SwapHost.none());
        Engine engine = engine(3, 1 << 20, swapper)) {
      for (Request each : requests) {
        heard.add(new Trial.Heard());
        engine.open(each, heard.get(heard.size() - 1));
      }
      reports.addAll(Trial.runAndSwap(engine, swapper));
    }
    assertThat(reports).hasSizeGreaterThan(3);
    for (CompletableFuture<SwapReport> report : reports) {
      assertEquals(SwapReport.Status.SWITCHED, report.join().status(), report.join().reason());
    }
    for (int i = 0; i < requests.size(); i++) {
      assertSame(requests.get(i), heard.get(i));
    }
    assertThat(ahead).isGreaterThan(5);
  }

  @Test
  void whoFailsLeavesTheOthersAsTheyAre() {
    Request failing = request(new int[] {1}, 30, RANDOM.withSeed(5));
    Request request = request(new int[] {3, 4, 5}, 30, RANDOM);
    Trial.Heard good = new Trial.Heard();
    Trial.Heard bad =
        new Trial.Heard() {
          @Override
          public boolean token(TokenScore token) {
            if (tokens.size() == 9) {
              throw new IllegalStateException("gone");
            }
            return super.token(token);
          }
        };
    try (Engine engine = engine(2, 1 << 22, null)) {
      engine.open(failing, bad);
      engine.open(request, good);
      while (engine.step()) {}
      assertEquals(1, engine.statistics().snapshot().failed());
      int[] longer = text(failing, alone(failing));
      engine.open(request(longer, 1, RANDOM), new Trial.Heard());
      while (engine.step()) {}
      assertEquals(0, engine.statistics().snapshot().reusedTokens(), "its state may be anything");
    }
    assertThat(bad.problem).hasMessage("gone");
    assertSame(request, good);
  }

  /** And all is as it was for those who come later. */
  @Test
  void aStepThatCannotBeMadeEndsThoseWhoTakePart() {
    failure = 5;
    Request request = request(new int[] {3, 4, 5}, 30, GREEDY);
    Trial.Heard failed = new Trial.Heard();
    Trial.Heard later = new Trial.Heard();
    try (Engine engine = engine(2, 1 << 22, null)) {
      engine.open(request, failed);
      while (engine.step()) {}
      engine.open(request, later);
      while (engine.step()) {}
    }
    assertThat(failed.problem).hasMessage("out of order");
    assertSame(request, later);
  }

  @Test
  void whereLogitsAreAskedForNothingReplacesThem() {
    Request.ScoreRequest scores = new Request.ScoreRequest(true, false, 2);
    Request request = new Request(new int[] {3, 1, 4}, 12, GREEDY, Set.of(), scores);
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = engine(1, 0, null)) {
      engine.open(request, heard);
      while (engine.step()) {}
    }
    assertEquals(0, ahead);
    assertSame(request, heard);
    List<TokenScore> expected = alone(request).scores;
    for (int i = 0; i < 12; i++) {
      TokenScore score = heard.scores.get(i);
      assertEquals(expected.get(i).logProbability(), score.logProbability(), 1e-3);
      assertEquals(score.token(), score.likeliest().get(0).token());
    }
  }

  @Test
  void whoLooksSeesStepsThatWereMadeInTheirTurn() throws InterruptedException {
    Request request = request(new int[] {3, 1, 4}, 40, GREEDY);
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = engine(1, 0, null)) {
      engine.open(request, heard);
      while (engine.step()) {
        engine.observations().look();
        Thread.sleep(15);
      }
      assertThat(engine.observations().look().step()).isBetween(2L, 39L);
    }
    assertSame(request, heard);
    assertThat(ahead).isBetween(5, 38);
  }

  @Test
  void aLongTextOutgrowsItsBuffers() {
    int[] prompt = new SplittableRandom(4).ints(230, 0, Trial.VOCABULARY).toArray();
    Request request = request(prompt, 60, GREEDY);
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = engine(2, 0, null)) {
      engine.open(request, heard);
      engine.open(request(new int[] {1}, 30, GREEDY), new Trial.Heard());
      while (engine.step()) {}
    }
    assertSame(request, heard);
    assertThat(ahead).isGreaterThan(40);
  }
}
