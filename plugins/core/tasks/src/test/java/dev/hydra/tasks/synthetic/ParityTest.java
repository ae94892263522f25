package dev.hydra.tasks.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ParityTest {
  private final Task task =
      Tasks.create(
          new ParityFactory(), "modulus = 3, shortest = 20, length = 30, longer = [50, 70]");

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(task);
    assertEquals(
        "[to 30 digits, 50 digits, 70 digits]",
        task.conditions().stream().map(each -> each.name()).toList().toString());
    assertThat(task.conditions())
        .extracting(each -> each.trained())
        .containsExactly(true, false, false);
  }

  @Test
  void targetsAreTheSumsOfAllDigitsBefore() {
    for (int condition = 0; condition < 3; condition++) {
      Example example = Tasks.example(task, condition, 5);
      int sum = 0;
      for (int i = 0; i < example.length(); i++) {
        sum = (sum + example.tokens()[i]) % 3;
        assertEquals(sum, example.targets()[i]);
      }
      assertEquals(1, example.answerCount());
      assertEquals(0, example.answers()[example.length() - 1]);
    }
  }

  @Test
  void withoutPrefixesOnlyTheWholeSumIsPredicted() {
    Example example = Tasks.example(Tasks.create(new ParityFactory(), "prefixes = false"), 0, 1);
    assertEquals(1, Arrays.stream(example.targets()).filter(each -> each >= 0).count());
  }

  @Test
  void answersAreAsOftenOneAsAnother() {
    int[] counts = new int[3];
    for (int seed = 0; seed < 3000; seed++) {
      Example example = Tasks.example(task, 0, seed);
      counts[example.targets()[example.length() - 1]]++;
    }
    assertThat(Arrays.stream(counts).boxed())
        .allSatisfy(count -> assertThat(count).isBetween(900, 1100));
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThrows(
        ConfigException.class, () -> Tasks.create(new ParityFactory(), "shortest = 9, length = 8"));
  }
}
