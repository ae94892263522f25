package dev.hydra.tasks.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FactsTest {
  private static final int SUBJECTS = 20;
  private static final int OBJECTS = 9;
  private final Task task =
      Tasks.create(new FactsFactory(), "subjects = 20, objects = 9, read = 3");

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(Tasks.create(new FactsFactory(), "subjects = 4000, objects = 9, read = 3"));
  }

  private Map<Integer, Integer> world() {
    Map<Integer, Integer> world = new HashMap<>();
    for (int seed = 0; seed < 400; seed++) {
      Example example = Tasks.example(task, 0, seed);
      assertEquals(2, example.length());
      Integer before = world.put(example.tokens()[1], example.targets()[1]);
      assertThat(before == null ? example.targets()[1] : before).isEqualTo(example.targets()[1]);
    }
    return world;
  }

  @Test
  void theWorldNeverChanges() {
    assertThat(world()).hasSize(SUBJECTS);
  }

  @Test
  void whatIsReadIsTheAnswerAndIsNotWhatTheWorldSays() {
    Map<Integer, Integer> world = world();
    for (int seed = 0; seed < 100; seed++) {
      Example example = Tasks.example(task, 1, seed);
      int[] tokens = example.tokens();
      int asked = tokens[tokens.length - 1];
      int said = 0;
      for (int i = 0; i + 2 < tokens.length; i += 3) {
        assertEquals(SUBJECTS + OBJECTS, tokens[i]);
        assertNotEquals(world.get(tokens[i + 1]), tokens[i + 2]);
        said = tokens[i + 1] == asked ? tokens[i + 2] : said;
      }
      assertEquals(said, example.targets()[tokens.length - 1]);
    }
  }

  /** The world's object, and a text that says nothing of the subject. */
  @Test
  void anotherTextLeavesWhatIsKnownByHeart() {
    Task three =
        Tasks.create(
            new FactsFactory(),
            "subjects = 60, objects = 9, read = 3, subject-tokens = 3, other-text = true");
    assertEquals(4 + 9 + 2, three.vocabulary().size()); // 4 x 4 x 4 subjects could be written
    Tasks.check(
        Tasks.create(
            new FactsFactory(),
            "subjects = 4000, objects = 9, read = 3, subject-tokens = 3, other-text = true"));
    Map<String, Integer> world = new HashMap<>();
    for (int seed = 0; seed < 2000; seed++) {
      Example example = Tasks.example(three, 0, seed);
      assertEquals(4, example.length());
      world.put(subject(example, 1), example.targets()[3]);
    }
    assertThat(world).hasSize(60);
    for (int seed = 0; seed < 100; seed++) {
      Example example = Tasks.example(three, 2, seed);
      String asked = subject(example, example.length() - 3);
      for (int fact = 0; fact < 3; fact++) {
        assertNotEquals(asked, subject(example, 5 * fact + 1));
      }
      assertEquals(world.get(asked), example.targets()[example.length() - 1]);
    }
  }

  /** What stands between the facts is as right as what is measured; its number tells nothing. */
  @Test
  void earlierQuestionsAreOfWhatWasReadOrOfTheWorldByChance() {
    String lines = "subjects = 20, objects = 9, read = 3, other-text = true";
    Task many = Tasks.create(new FactsFactory(), lines + ", questions = 7");
    for (int condition = 0; condition < 3; condition++) {
      int[] ofText = new int[7];
      for (int seed = 0; seed < 200; seed++) {
        Example example = Tasks.example(many, condition, seed);
        assertEquals(many.conditions().get(condition).length(), example.length());
        assertEquals(1, example.answerCount());
        count(example, ofText);
      }
      assertEquals(condition == 1 ? 200 : 0, ofText[6]);
      for (int question = 0; question < 6; question++) {
        assertThat(ofText[question]).isBetween(condition == 0 ? 0 : 70, condition == 0 ? 0 : 130);
      }
    }
    assertEquals(
        Tasks.create(new FactsFactory(), lines + ", questions = 1").conditions(),
        Tasks.create(new FactsFactory(), lines).conditions());
  }

  /** Checks all answers of an example, and counts those that its text gives, by their number. */
  private void count(Example example, int[] ofText) {
    Map<Integer, Integer> world = world();
    Map<Integer, Integer> said = new HashMap<>();
    int[] tokens = example.tokens();
    int asked = 0;
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] == SUBJECTS + OBJECTS) {
        said.put(tokens[i + 1], tokens[i + 2]);
      } else if (tokens[i] == SUBJECTS + OBJECTS + 1) {
        int subject = tokens[i + 1];
        assertEquals(said.getOrDefault(subject, world.get(subject)), example.targets()[i + 1]);
        ofText[asked++] += said.containsKey(subject) ? 1 : 0;
      }
    }
    assertEquals(ofText.length, asked);
  }

  private static String subject(Example example, int from) {
    return Arrays.toString(Arrays.copyOfRange(example.tokens(), from, from + 3));
  }

  @Test
  void onlyTheOpenBookIsHeldOut() {
    assertThat(task.conditions()).extracting(each -> each.heldOut()).containsExactly(false, true);
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThrows(
        ConfigException.class, () -> Tasks.create(new FactsFactory(), "subjects = 3, read = 3"));
  }
}
