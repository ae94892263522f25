package dev.hydra.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Settings;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/** Makes tasks, and checks what holds for every one. */
public final class Tasks {
  private static final int DRAWS = 200;

  private Tasks() {}

  /** Creates a task with options in HOCON. */
  public static Task create(TaskFactory factory, String options) {
    return create(factory, options, List.of());
  }

  /** Creates a task that reads files in a folder. */
  public static Task create(TaskFactory factory, String options, List<Path> roots) {
    return factory.create(
        new TaskContext(
            Settings.read("task", ConfigFactory.parseString(options), factory.options()), roots));
  }

  /** Makes an example of a condition. */
  public static Example example(Task task, int condition, long seed) {
    return task.example(condition, new SplittableRandom(seed));
  }

  /**
   * Checks a task: examples follow from their seed, fit the vocabulary and the lengths that the
   * conditions say, ask for something, and are hardly ever the same.
   */
  public static void check(Task task) {
    assertEquals(
        task.vocabulary().size(), new HashSet<>(task.vocabulary()).size(), "each token has a name");
    assertThat(task.conditions()).anyMatch(Condition::trained);
    assertThat(task.conditions().stream().map(Condition::name)).doesNotHaveDuplicates();
    for (int condition = 0; condition < task.conditions().size(); condition++) {
      Set<Example> different = new HashSet<>();
      for (int seed = 0; seed < DRAWS; seed++) {
        Example example = example(task, condition, seed);
        Example again = example(task, condition, seed);
        assertEquals(example, again);
        assertThat(again.targets()).isEqualTo(example.targets());
        assertThat(again.answers()).isEqualTo(example.answers());
        assertThat(example.length()).isBetween(1, task.conditions().get(condition).length());
        assertThat(Arrays.stream(example.tokens()).boxed())
            .allSatisfy(token -> assertThat(token).isBetween(0, task.vocabulary().size() - 1));
        assertThat(example.answerCount()).isPositive();
        for (int place = 0; place < example.length(); place++) {
          int target = example.targets()[place];
          assertThat(target).isBetween(Example.NONE, task.vocabulary().size() - 1);
          if (example.answers()[place] != Example.NONE) {
            assertThat(target).isNotEqualTo(Example.NONE);
          }
        }
        different.add(example);
      }
      assertThat(different.size()).isGreaterThan(DRAWS * 9 / 10);
    }
  }
}
