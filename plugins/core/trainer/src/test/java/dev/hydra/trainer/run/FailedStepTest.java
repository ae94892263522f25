package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.Components;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A component that fails ends a run, and the steps before are kept. */
class FailedStepTest {
  private static final String RUN = OutOfMemoryTest.RUN;
  private static final String FAILURE = "of its own making";

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  @Test
  void theStepsBeforeAreKept() throws IOException {
    Path run = folder.resolve("run");
    Components failing = OutOfMemoryTest.inStepAfter(5, FAILURE);
    Events events = new Events();
    try (Trainer trainer = Trials.trainer(folder, run, RUN, events, failing)) {
      assertThatThrownBy(() -> trainer.run(() -> false)).hasStackTraceContaining(FAILURE);
    }
    assertThat(events.warnings)
        .containsExactly(
            "the training failed after step 5; the newest checkpoint is that of step 5");
    assertThat(Files.readString(run.resolve("journal.jsonl")))
        .contains("\"event\":\"failed\",\"step\":5", FAILURE);
    Components good = OutOfMemoryTest.refusing(pass -> false, "");
    try (Trainer trainer = Trials.trainer(folder, run, RUN, new Events(), good)) {
      assertEquals(5, trainer.resume(UnexpectedKeys.ERROR));
      assertEquals(8, trainer.run(() -> false).step());
    }
  }

  @Test
  void theFirstStepLeavesNothing() throws IOException {
    Components failing = OutOfMemoryTest.inStepAfter(0, FAILURE);
    Events events = new Events();
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("run"), RUN, events, failing)) {
      assertThatThrownBy(() -> trainer.run(() -> false)).hasStackTraceContaining(FAILURE);
    }
    assertThat(events.warnings)
        .containsExactly("the training failed after step 0; there is no checkpoint yet");
    assertThat(events.checkpoints).isEmpty();
  }
}
