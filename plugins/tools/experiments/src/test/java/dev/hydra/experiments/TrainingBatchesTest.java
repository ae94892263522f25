package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tasks.Example;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainingBatchesTest {
  @Test
  void batchesAreThoseOfTheSeedInOrder() {
    Study study = Studies.read("", false);
    Examples examples = new Examples(study.tasks().get(0), study.budget());
    try (TrainingBatches batches = new TrainingBatches(examples, 3, 4, 6)) {
      for (int step = 0; step < 5; step++) {
        List<Example> rows = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          rows.add(examples.training(3, 4L * step + i));
        }
        Scopes.run(
            () ->
                assertThat(Tensors.integers(batches.next().flatten(0, 2)))
                    .containsExactly(new ExampleBatch(rows, 6).labelled()));
      }
    }
  }
}
