package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginId;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ExamplesTest {
  private static final Budget BUDGET = Studies.read("", false).budget();

  /** Has so many different examples. */
  private record Few(int count, boolean heldOut) implements Task {
    @Override
    public List<String> vocabulary() {
      return List.of("0", "1");
    }

    @Override
    public List<Condition> conditions() {
      return List.of(new Condition("all", 16, true, 0.5, heldOut));
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      int number = random.nextInt(count);
      Example.Builder example = new Example.Builder();
      for (int bit = 0; bit < 16; bit++) {
        example.read(number >> bit & 1);
      }
      return example.ask(number & 1).build();
    }
  }

  private static Examples examples(int count) {
    return examples(count, true);
  }

  private static Examples examples(int count, boolean heldOut) {
    return new Examples(
        new StudyTask(
            "few", ConfigFactory.empty(), PluginId.of("test", "1"), new Few(count, heldOut)),
        BUDGET);
  }

  @Test
  void whatIsHeldOutIsNotTrainedOn() {
    Examples examples = examples(200);
    Set<Example> heldOut = new HashSet<>(examples.validation());
    heldOut.addAll(examples.test(0));
    assertThat(heldOut.size()).isBetween(40, 64);
    for (int i = 0; i < 500; i++) {
      assertThat(heldOut).doesNotContain(examples.training(0, i));
    }
  }

  @Test
  void whatIsRememberedIsTrainedOn() {
    assertThat(examples(2, false).validation()).contains(examples(2, false).training(0, 0));
  }

  @Test
  void seedsTrainOnOtherExamplesAndHoldTheSameOut() {
    Examples examples = examples(1 << 16);
    assertEquals(examples.training(0, 7), examples.training(0, 7));
    assertNotEquals(examples.training(0, 7), examples.training(1, 7));
    assertEquals(examples.validation(), examples(1 << 16).validation());
  }

  @Test
  void aTaskWithHardlyAnyExamplesIsRefused() {
    assertThat(assertThrows(IllegalStateException.class, () -> examples(2).training(0, 0)))
        .hasMessageContaining("too few different examples");
  }
}
