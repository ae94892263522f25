package dev.hydra.tasks.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MqarTest {
  private static final int PAIRS = 6;
  private static final int KEYS = 20;
  private final Task task =
      Tasks.create(new MqarFactory(), "pairs = 6, length = 64, keys = 20, values = 30");

  @Test
  void fewerPairsAreConditionsOfTheirOwn() {
    Task several =
        Tasks.create(new MqarFactory(), "pairs = 8, fewer = [2, 4], length = 48, keys = 40");
    Tasks.check(several);
    assertThat(several.conditions())
        .extracting(each -> each.name())
        .containsExactly("2 pairs", "4 pairs", "8 pairs");
    for (int i = 0; i < 3; i++) {
      Example example = Tasks.example(several, i, 5);
      assertEquals(2 << i, example.answerCount());
      assertEquals(48, example.length());
    }
    assertThrows(
        ConfigException.class,
        () -> Tasks.create(new MqarFactory(), "pairs = 8, fewer = [8], length = 48, keys = 40"));
  }

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(task);
  }

  @Test
  void eachKeyIsAskedForOnceAndItsValueFollowsItOnlyAtTheBeginning() {
    for (int seed = 0; seed < 50; seed++) {
      Example example = Tasks.example(task, 0, seed);
      int[] tokens = example.tokens();
      Map<Integer, Integer> pairs = new HashMap<>();
      for (int i = 0; i < 2 * PAIRS; i += 2) {
        pairs.put(tokens[i], tokens[i + 1]);
      }
      assertEquals(PAIRS, pairs.size());
      assertEquals(PAIRS, example.answerCount());
      for (int i = 2 * PAIRS; i < tokens.length; i++) {
        boolean asks = tokens[i] < KEYS;
        assertEquals(asks, example.answers()[i] != Example.NONE);
        if (asks) {
          assertEquals(pairs.remove(tokens[i]), example.targets()[i]);
        }
      }
      assertThat(pairs).isEmpty();
    }
  }

  /** What follows a key that asks is noise: equal to its value as often as chance would have it. */
  @Test
  void theAnswerIsNotReadAfterTheQuestion() {
    int same = 0;
    int asked = 0;
    for (int seed = 0; seed < 500; seed++) {
      Example example = Tasks.example(task, 0, seed);
      for (int i = 0; i + 1 < example.length(); i++) {
        if (example.answers()[i] != Example.NONE) {
          asked++;
          same += example.tokens()[i + 1] == example.targets()[i] ? 1 : 0;
        }
      }
    }
    assertThat((double) same / asked).isBetween(0.01, 0.06); // 1 / 30
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThat(
            assertThrows(
                ConfigException.class,
                () -> Tasks.create(new MqarFactory(), "pairs = 8, length = 16")))
        .hasMessageContaining("at least 4 x pairs = 32");
    assertThrows(
        ConfigException.class, () -> Tasks.create(new MqarFactory(), "pairs = 8, keys = 4"));
  }
}
