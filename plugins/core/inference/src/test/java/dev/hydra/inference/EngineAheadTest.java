package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.Model;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.testing.Handles;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** On a CPU, where the tokens of a step are known to those steps only that are made ahead. */
class EngineAheadTest extends AheadContract {
  private static Model model;

  @BeforeAll
  static void build() {
    model = Trial.model();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Override
  Model model() {
    return model;
  }

  @Override
  int warmUp() {
    return 0;
  }

  @Override
  DecodingStep steps(BatchState batch) {
    return new Ahead(batch);
  }

  private final class Ahead extends DecodingStep {
    private final BatchState batch;
    private boolean forgotten;

    Ahead(BatchState batch) {
      super(model, Trial.VOCABULARY, batch, GraphMode.OFF, Quantization.NONE, warning -> {});
      this.batch = batch;
    }

    @Override
    Optional<LaunchedStep> follow(LaunchedStep before) {
      if (before.by().stream().anyMatch(session -> session.row().adjusts()) || !batch.hasRoom()) {
        return Optional.empty();
      }
      madeAhead();
      long[] drawn = Arrays.stream(before.drawn().get()).asLongStream().toArray();
      LaunchedStep made = issued(before.by(), drawn);
      forgotten = false;
      return Optional.of(new LaunchedStep(made.by(), made.logits(), () -> tokens(made)));
    }

    private int[] tokens(LaunchedStep made) {
      assertFalse(forgotten, "the graph that was to give them is gone");
      return made.drawn().get();
    }

    @Override
    void forget() {
      super.forget();
      forgotten = true;
    }
  }

  @Test
  void leavesNothingBehind() {
    Handles.assertFreesItself(
        20,
        () -> {
          try (Engine engine = engine(4, 1 << 20, null)) {
            for (int i = 0; i < 4; i++) {
              engine.open(
                  request(new int[] {i + 1, 2}, 20 + i, RANDOM.withSeed(i)), new Trial.Heard());
            }
            for (int i = 0; i < 8; i++) {
              engine.step();
            }
          }
        });
    assertThat(ahead()).isPositive();
  }
}
