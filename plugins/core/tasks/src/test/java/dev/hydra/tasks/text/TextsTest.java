package dev.hydra.tasks.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Split;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextsTest {
  private static final String TWO = "files = [a.txt, b.txt.gz], names = [low, high], length = 16";

  /** A text of 200 parts, in each of which stands the number of the part. */
  private static final int PART = 40;

  @TempDir Path folder;

  @BeforeEach
  void write() throws IOException {
    byte[] low = new byte[200 * PART];
    byte[] high = new byte[200 * PART];
    for (int i = 0; i < low.length; i++) {
      low[i] = (byte) (i / PART / 2);
      high[i] = (byte) (128 + i % 100);
    }
    Files.write(folder.resolve("a.txt"), low);
    try (OutputStream out =
        new GZIPOutputStream(Files.newOutputStream(folder.resolve("b.txt.gz")))) {
      out.write(high);
    }
  }

  private Task task(String options) {
    return Tasks.create(new TextsFactory(), options, List.of(folder));
  }

  @Test
  void everyByteIsPredictedFromTheOnesBefore() {
    Example example = Tasks.example(task(TWO), 1, 3);
    assertEquals(16, example.length());
    assertEquals(16, example.answerCount());
    for (int i = 0; i < 16; i++) {
      assertEquals(128 + (example.tokens()[i] - 128 + 1) % 100, example.targets()[i]);
    }
    assertEquals(
        List.of("low", "high"), task(TWO).conditions().stream().map(Condition::name).toList());
  }

  /** With windows drawn from the whole text, the sets below have parts in common. */
  @Test
  void whatIsTestedIsAPartThatIsNotTrainedOn() {
    Task task = task(TWO);
    Map<Split, Set<Integer>> parts = new EnumMap<>(Split.class);
    for (Split split : Split.values()) {
      Set<Integer> own = parts.computeIfAbsent(split, first -> new HashSet<>());
      for (int seed = 0; seed < 2000; seed++) {
        Example example = task.example(0, split, new SplittableRandom(seed));
        for (int token : example.tokens()) {
          own.add(token); // the number of a pair of parts
        }
      }
    }
    assertThat(parts.get(Split.TRAINING)).hasSize(80);
    assertThat(parts.get(Split.VALIDATION)).hasSize(20).isEqualTo(parts.get(Split.TEST));
    assertThat(parts.get(Split.TRAINING)).doesNotContainAnyElementsOf(parts.get(Split.TEST));
  }

  @Test
  void mistakesAreNamed() {
    assertThat(problem("files = [none.txt], names = [none]")).contains("files", "none.txt");
    assertThat(problem("files = [a.txt], names = [one, two]")).contains("names", "each of files");
    assertThat(problem("files = [a.txt], names = [one], length = 40")).contains("less than 40");
  }

  private String problem(String options) {
    return assertThrows(ConfigException.class, () -> task(options)).getMessage();
  }
}
