package dev.hydra.router.topk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Workload;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.StandaloneComponent;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ChunkTopKRouterTest {
  private static final double EXACT = 1e-12;
  private static final int TIME = 23;
  private static final int CHUNK = 4;
  private static final double[][] WEIGHT = Routers.random(1, 5, 7);
  private static final double[][] X = Routers.random(2, TIME, 7);

  @ParameterizedTest
  @CsvSource({
    "1, PREVIOUS_CHUNK",
    "4, PREVIOUS_CHUNK",
    "23, PREVIOUS_CHUNK",
    "50, PREVIOUS_CHUNK",
    "1, RUNNING_MEAN",
    "4, RUNNING_MEAN",
    "50, RUNNING_MEAN",
    "1, FIRST_TOKEN",
    "4, FIRST_TOKEN",
    "50, FIRST_TOKEN"
  })
  void followsItsDefinition(int chunk, Summary summary) {
    check(chunk, summary, new int[TIME], false);
  }

  @ParameterizedTest
  @EnumSource
  void decidesForWholeChunksAsForTokens(Summary summary) {
    double[][] tokens = Arrays.copyOf(X, 5 * CHUNK);
    double[][] expected = naive().chunks(tokens, new int[tokens.length], CHUNK, summary);
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = build(CHUNK, summary);
        ForwardContext forward = ForwardContext.evaluation()) {
      double[][] actual = Routers.route(router, tokens, forward);
      for (int t = 0; t < tokens.length; t++) {
        assertArrayEquals(expected[t], actual[t], EXACT, "token " + t);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void startsAnewInEachDocument(Summary summary) {
    // Lengths 1, 4, 9, 2, 7: shorter than a chunk, exactly one, several and a rest.
    int[] documents = {3, 4, 4, 4, 4, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 9, 9, 9, 9, 9, 9, 9};
    check(CHUNK, summary, documents, true);
  }

  @ParameterizedTest
  @CsvSource({
    "1, PREVIOUS_CHUNK",
    "5, PREVIOUS_CHUNK",
    "50, PREVIOUS_CHUNK",
    "1, RUNNING_MEAN",
    "5, RUNNING_MEAN",
    "50, RUNNING_MEAN",
    "1, FIRST_TOKEN",
    "5, FIRST_TOKEN",
    "50, FIRST_TOKEN"
  })
  void packedDocumentsHaveChunksOfEveryLength(int chunk, Summary summary) {
    SplittableRandom random = new SplittableRandom(7);
    int[] documents = new int[TIME];
    for (int t = 1; t < TIME; t++) {
      documents[t] = documents[t - 1] + (random.nextInt(4) == 0 ? 1 : 0);
    }
    check(chunk, summary, documents, true);
  }

  /** Forwards that end inside chunks, at their ends, and after one token. */
  @ParameterizedTest
  @EnumSource
  void continuesFromItsState(Summary summary) {
    continues(summary, 3, 1, 4, 1, 9, 2, 1, 2);
  }

  /** Whole chunks are decided one by one, what is left of one token by token. */
  @ParameterizedTest
  @EnumSource
  void continuesWithWholeChunks(Summary summary) {
    continues(summary, 8, 4, 3, 1, 4, 3);
  }

  private static void continues(Summary summary, int... lengths) {
    double[][] expected = naive().chunks(X, new int[TIME], CHUNK, summary);
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = build(CHUNK, summary);
        ModelState state = new ModelState()) {
      int from = 0;
      for (int length : lengths) {
        try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
          double[][] part = Arrays.copyOfRange(X, from, from + length);
          double[][] actual = Routers.route(router, part, forward);
          for (int t = 0; t < length; t++) {
            assertArrayEquals(expected[from + t], actual[t], EXACT, "token " + (from + t));
          }
        }
        from += length;
      }
      assertEquals(TIME, from);
    }
  }

  @ParameterizedTest
  @EnumSource
  void takesADocumentOfOneToken(Summary summary) {
    double[][] single = {X[0]};
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = build(CHUNK, summary);
        ForwardContext forward =
            ForwardContext.evaluation().withDocuments(Tensor.create(new long[] {7}, 1, 1))) {
      assertArrayEquals(
          naive().tokens(single)[0], Routers.route(router, single, forward)[0], EXACT);
    }
  }

  @Test
  void decidesByNothingInsideTheChunk() {
    assertFalse(changes(Summary.PREVIOUS_CHUNK, 8), "first token of the chunk");
    assertFalse(changes(Summary.PREVIOUS_CHUNK, 3), "token before the previous chunk");
    assertFalse(changes(Summary.RUNNING_MEAN, 8), "first token of the chunk");
    assertFalse(changes(Summary.FIRST_TOKEN, 9), "second token of the chunk");
    assertFalse(changes(Summary.FIRST_TOKEN, 7), "token before the chunk");
  }

  @Test
  void decidesByAllThatItSays() {
    for (int t : new int[] {4, 5, 6, 7}) {
      assertTrue(changes(Summary.PREVIOUS_CHUNK, t), "token " + t);
    }
    for (int t = 0; t < 8; t++) {
      assertTrue(changes(Summary.RUNNING_MEAN, t), "token " + t);
    }
    assertTrue(changes(Summary.FIRST_TOKEN, 8), "token 8");
  }

  @Test
  void holdsThreeNumbersAnExpertAsState() {
    try (StandaloneComponent router = build(CHUNK, Summary.RUNNING_MEAN)) {
      assertEquals(3 * WEIGHT.length, router.cost(Workload.sequence(100)).state());
    }
  }

  /** Whether another token t changes the routing of the chunk of tokens 8 to 11. */
  private static boolean changes(Summary summary, int t) {
    double[][] other = X.clone();
    other[t] = Routers.random(9, 1, 7)[0];
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = build(CHUNK, summary);
        ForwardContext forward = ForwardContext.evaluation()) {
      double[][] before = Routers.route(router, X, forward);
      double[][] after = Routers.route(router, other, forward);
      return IntStream.range(8, 12).anyMatch(i -> distance(before[i], after[i]) > EXACT);
    }
  }

  private static double distance(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> Math.abs(a[i] - b[i])).max().orElse(0);
  }

  private static void check(int chunk, Summary summary, int[] documents, boolean packed) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = build(chunk, summary);
        ForwardContext whole = ForwardContext.evaluation();
        ForwardContext forward = packed ? whole.withDocuments(numbers(documents)) : whole) {
      double[][] expected = naive().chunks(X, documents, chunk, summary);
      double[][] actual = Routers.route(router, X, forward);
      for (int t = 0; t < TIME; t++) {
        assertArrayEquals(expected[t], actual[t], EXACT, "token " + t);
      }
    }
  }

  private static NaiveRouter naive() {
    return new NaiveRouter(WEIGHT, 2, Score.SOFTMAX, true);
  }

  private static Tensor numbers(int[] documents) {
    return Tensor.create(IntStream.of(documents).asLongStream().toArray()).unsqueeze(0);
  }

  private static StandaloneComponent build(int chunk, Summary summary) {
    String name = summary.name().toLowerCase(Locale.ROOT).replace('_', '-');
    return Routers.build("type = chunk-topk, chunk = " + chunk + ", summary = " + name, WEIGHT);
  }
}
