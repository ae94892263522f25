package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginId;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TrainingBatchesTest {
  private static final int STEPS = 5;
  private static final int SEED = 3;

  /** Reads as many random tokens as the condition has, and asks for the last. */
  private record Lengths(List<Integer> lengths) implements Task {
    @Override
    public List<String> vocabulary() {
      return List.of("0", "1", "2", "3", "4", "5", "6", "7");
    }

    @Override
    public List<Condition> conditions() {
      List<Condition> all = new ArrayList<>();
      for (int length : lengths) {
        all.add(new Condition(Integer.toString(length), length, true, 0.125));
      }
      return all;
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      Example.Builder example = new Example.Builder();
      int token = 0;
      for (int i = 0; i < lengths.get(condition); i++) {
        token = random.nextInt(8);
        example.read(token);
      }
      return example.ask(token).build();
    }
  }

  private static Budget budget(String more) {
    return Studies.read(more, false).budget();
  }

  private static Examples examples(Budget budget) {
    return new Examples(
        new StudyTask(
            "lengths",
            ConfigFactory.empty(),
            PluginId.of("test", "1"),
            new Lengths(List.of(6, 24))),
        budget);
  }

  @Test
  void batchesAreThoseOfTheSeedInOrder() {
    Budget budget = budget("experiment.batch-size = 4");
    Examples examples = examples(budget);
    try (TrainingBatches batches = new TrainingBatches(examples, SEED, budget)) {
      for (int step = 0; step < STEPS; step++) {
        List<Example> rows = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          rows.add(examples.training(SEED, 4L * step + i));
        }
        Scopes.run(
            () ->
                assertThat(Tensors.integers(batches.next().flatten(0, 2)))
                    .containsExactly(new ExampleBatch(rows, 24).labelled()));
      }
    }
    assertEquals(STEPS * 4L * 24, TrainingBatches.tokens(examples, budget, STEPS));
  }

  @Test
  void groupedByLengthAStepIsOfOneCondition() {
    Budget budget = budget("experiment { batch-size = 4, group-by-length = true }");
    Examples examples = examples(budget);
    try (TrainingBatches batches = new TrainingBatches(examples, SEED, budget)) {
      for (int step = 0; step < STEPS; step++) {
        int length = step % 2 == 0 ? 6 : 24;
        Scopes.run(
            () -> assertThat(Tensors.sizes(batches.next())).containsExactly(2L, 4L, length + 1L));
      }
    }
    assertEquals((3 * 6 + 2 * 24) * 4L, TrainingBatches.tokens(examples, budget, STEPS));
  }
}
