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

class SelectiveCopyTest {
  private static final int TOKENS = 5;
  private static final int DIFFERENT = 9;
  private final Task task =
      Tasks.create(new SelectiveCopyFactory(), "tokens = 5, length = 40, vocabulary = 9");

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(task);
  }

  @Test
  void whatStandsAmongBlanksIsAskedForInItsOrder() {
    for (int seed = 0; seed < 50; seed++) {
      Example example = Tasks.example(task, 0, seed);
      assertEquals(40, example.length());
      int[] content = Arrays.stream(example.tokens()).filter(token -> token < DIFFERENT).toArray();
      int[] asked = Arrays.stream(example.targets()).filter(token -> token >= 0).toArray();
      assertThat(asked).isEqualTo(content).hasSize(TOKENS);
      assertThat(Arrays.stream(example.tokens()).skip(40 - TOKENS).boxed())
          .containsOnly(DIFFERENT + 1);
      assertEquals(TOKENS, example.answerCount());
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThrows(
        ConfigException.class,
        () -> Tasks.create(new SelectiveCopyFactory(), "tokens = 8, length = 15"));
  }
}
