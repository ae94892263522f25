package dev.hydra.tasks.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Split;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ImplicationChainTest {
  private static final int LETTERS = 26;
  private final Task task = Tasks.create(new ImplicationChainFactory(), "");

  private record Asked(Map<Integer, Integer> premises, int start, int answer, int firstPremise) {}

  private static Asked read(Example example) {
    int[] tokens = example.tokens();
    Map<Integer, Integer> premises = new HashMap<>();
    for (int i = 0; i + 2 < tokens.length; i += 4) {
      assertThat(tokens[i]).isLessThan(LETTERS);
      assertNull(premises.put(tokens[i], tokens[i + 2]), "a letter implies one other");
      assertEquals(LETTERS, tokens[i + 1]);
      assertEquals(LETTERS + 1, tokens[i + 3]);
    }
    assertEquals(LETTERS + 2, tokens[tokens.length - 2], "a question mark before the question");
    return new Asked(
        premises, tokens[tokens.length - 1], example.targets()[tokens.length - 1], tokens[0]);
  }

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(task);
  }

  @Test
  void followingThePremisesLeadsToTheAnswerInKSteps() {
    for (int condition = 0; condition < 4; condition++) {
      for (int seed = 0; seed < 100; seed++) {
        Asked asked = read(Tasks.example(task, condition, seed));
        int letter = asked.start();
        for (int step = 0; step < condition + 2; step++) {
          assertThat(letter).isNotEqualTo(asked.answer());
          letter = asked.premises().get(letter);
        }
        assertEquals(asked.answer(), letter);
        assertNull(asked.premises().get(letter), "the chain ends there");
        assertEquals(condition + 2 + 10, asked.premises().size());
      }
    }
  }

  @Test
  void moreQuestionsAreTrainedAndTheLastOneIsMeasured() {
    Task several = Tasks.create(new ImplicationChainFactory(), "questions = 5");
    Tasks.check(several);
    for (int seed = 0; seed < 50; seed++) {
      Example example = Tasks.example(several, 1, seed);
      int[] tokens = example.tokens();
      Map<Integer, Integer> premises = new HashMap<>();
      for (int i = 0; i < 4 * 13; i += 4) {
        premises.put(tokens[i], tokens[i + 2]);
      }
      assertEquals(4 * 13 + 2 * 5, tokens.length);
      for (int question = 0; question < 5; question++) {
        int place = 4 * 13 + 2 * question;
        int letter = tokens[place + 1];
        while (premises.containsKey(letter)) {
          letter = premises.get(letter);
        }
        assertEquals(letter, example.targets()[place + 1]);
        assertEquals(question == 4 ? 0 : Example.NONE, example.answers()[place + 1]);
      }
    }
  }

  @Test
  void textsToTrainOnMayBeEasierButNoOthers() {
    Task easier = Tasks.create(new ImplicationChainFactory(), "questions = 5, easier = 0.5");
    Tasks.check(easier);
    int fewer = 0;
    Set<Integer> sizes = new HashSet<>();
    for (int seed = 0; seed < 400; seed++) {
      for (Split split : List.of(Split.VALIDATION, Split.TEST)) {
        Example asIs = easier.example(3, split, new SplittableRandom(seed));
        assertEquals(15, premises(asIs).size());
        assertEquals(easier.example(3, new SplittableRandom(seed)), asIs);
      }
      Example example = easier.example(3, Split.TRAINING, new SplittableRandom(seed));
      Map<Integer, Integer> premises = premises(example);
      fewer += premises.size() < 15 ? 1 : 0;
      sizes.add(premises.size());
      assertEquals(easier.conditions().get(3).length(), example.length());
      assertEnds(example, premises);
    }
    assertThat(fewer / 400.0).isBetween(0.4, 0.6);
    assertThat(sizes).hasSize(15);
  }

  private static Map<Integer, Integer> premises(Example example) {
    Map<Integer, Integer> premises = new HashMap<>();
    int[] tokens = example.tokens();
    for (int i = 0; tokens[i] < LETTERS; i += 4) {
      premises.put(tokens[i], tokens[i + 2]);
    }
    return premises;
  }

  /** Every question, and no place besides, has the end of the chain from its letter on. */
  private static void assertEnds(Example example, Map<Integer, Integer> premises) {
    int[] tokens = example.tokens();
    for (int place = 0; place < tokens.length; place++) {
      int expected = Example.NONE;
      if (place > 0 && tokens[place - 1] == LETTERS + 2) {
        expected = tokens[place];
        while (premises.containsKey(expected)) {
          expected = premises.get(expected);
        }
      }
      assertEquals(expected, example.targets()[place]);
    }
  }

  @Test
  void easierTextsNeedLettersForChainsOfOneStep() {
    // Without it 10 letters are enough; four chains of one step need 8 beside the 4 asked for.
    assertThat(
            assertThrows(
                ConfigException.class,
                () ->
                    Tasks.create(
                        new ImplicationChainFactory(),
                        "steps = [2, 3], distractors = 4, letters = 11, easier = 0.1")))
        .hasMessageContaining("must be at least 12");
    assertThat(
            assertThrows(
                ConfigException.class,
                () -> Tasks.create(new ImplicationChainFactory(), "easier = 1.5")))
        .hasMessageContaining("from 0 to 1");
  }

  /** The end of the right chain is one of several, and they differ in nothing but the beginning. */
  @Test
  void severalChainsAreAsLongAsTheOneAskedFor() {
    for (int condition = 0; condition < 4; condition++) {
      int k = condition + 2;
      Asked asked = read(Tasks.example(task, condition, 3));
      Set<Integer> begins = new HashSet<>(asked.premises().keySet());
      begins.removeAll(asked.premises().values());
      int same = 0;
      for (int letter : begins) {
        int steps = 0;
        for (Integer at = letter; asked.premises().containsKey(at); at = asked.premises().get(at)) {
          steps++;
        }
        same += steps == k ? 1 : 0;
      }
      assertEquals(1 + 10 / k, same);
      assertEquals(
          1.0 / (1 + Math.ceil(10.0 / k)), task.conditions().get(condition).chance(), 1e-9);
    }
  }

  @Test
  void premisesAreShuffledAndLettersDrawnAtRandom() {
    int[] answers = new int[LETTERS];
    int firstIsTheStart = 0;
    for (int seed = 0; seed < 2600; seed++) {
      Asked asked = read(Tasks.example(task, 1, seed));
      answers[asked.answer()]++;
      firstIsTheStart += asked.firstPremise() == asked.start() ? 1 : 0;
    }
    assertThat(Arrays.stream(answers).boxed())
        .allSatisfy(count -> assertThat(count).isBetween(60, 145));
    assertThat(firstIsTheStart / 2600.0).isBetween(0.05, 0.11); // 1 / 13
  }

  @Test
  void tooFewLettersAreRefused() {
    assertThat(
            assertThrows(
                ConfigException.class,
                () -> Tasks.create(new ImplicationChainFactory(), "letters = 12")))
        .hasMessageContaining("must be at least");
  }
}
