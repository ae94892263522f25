package dev.hydra.tasks.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ArithmeticTest {
  private final Task task = Tasks.create(new ArithmeticFactory(), "digits = 2");

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(Tasks.create(new ArithmeticFactory(), "digits = 4"));
  }

  private static String text(Task task, IntStream tokens) {
    return tokens.mapToObj(task.vocabulary()::get).collect(Collectors.joining());
  }

  @Test
  void resultsAreRight() {
    for (int condition = 0; condition < 3; condition++) {
      for (int seed = 0; seed < 100; seed++) {
        Example example = Tasks.example(task, condition, seed);
        String read = text(task, Arrays.stream(example.tokens()).limit(6));
        int first = Integer.parseInt(read.substring(0, 2));
        int second = Integer.parseInt(read.substring(3, 5));
        int result =
            switch (read.charAt(2)) {
              case '+' -> first + second;
              case '-' -> first - second;
              default -> first * second;
            };
        assertEquals('=', read.charAt(5));
        assertThat(result).isNotNegative();
        String answer = text(task, Arrays.stream(example.targets()).filter(token -> token >= 0));
        assertEquals(result, Integer.parseInt(answer));
        assertEquals(1, example.answerCount());
        // Each digit is read only when the next one is to be predicted.
        assertEquals(
            answer.substring(0, answer.length() - 1),
            text(task, Arrays.stream(example.tokens()).skip(6)));
      }
    }
  }

  @Test
  void theLowestDigitMayComeFirst() {
    Task turned = Tasks.create(new ArithmeticFactory(), "digits = 2, lowest-first = true");
    Example example = Tasks.example(task, 2, 4);
    String plain = text(task, Arrays.stream(example.targets()).filter(token -> token >= 0));
    assertEquals(
        new StringBuilder(plain).reverse().toString(),
        text(
            task,
            Arrays.stream(Tasks.example(turned, 2, 4).targets()).filter(token -> token >= 0)));
  }

  @Test
  void otherOperationsAreRefused() {
    assertThat(
            assertThrows(
                ConfigException.class,
                () -> Tasks.create(new ArithmeticFactory(), "operations = [\"/\"]")))
        .hasMessageContaining("some of + - *");
  }
}
