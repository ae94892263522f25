package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.FeedForward;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A step of several forwards that is given up in the midst: nothing of it counts, and who goes on
 * takes it as if it had not begun, to the last bit, random numbers included.
 */
class GivenUpStepTest {
  private static final int BLOCKS = 2;
  private static final int FORWARDS = 3;

  private static final String RUN =
      """
      model.block.paths = [ { ffn = test-ffn } ]
      trainer { steps = 4, accumulate = 3 }
      """;

  /** The second forward of the third step. */
  private static final int IN_THE_MIDST = BLOCKS * (2 * FORWARDS + 1);

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  /** Draws random numbers as dropout does; tells how many passes there have been before. */
  private static Components drawing(IntConsumer passed) {
    int[] passes = {0};
    return () ->
        List.of(
            TestFeedForward.registration(
                "1.0",
                site -> {
                  FeedForward good = TestFeedForward.fused(site);
                  return (x, pass) -> {
                    if (pass.training()) {
                      passed.accept(passes[0]++);
                    }
                    return good.forward(x, pass).mul(torch.rand_like(x));
                  };
                },
                Optional.empty()));
  }

  private Trainer trainer(String run, IntConsumer passed) throws IOException {
    return Trials.trainer(folder, folder.resolve(run), RUN, new Events(), drawing(passed));
  }

  private void isResumedAfter(long step) throws IOException {
    try (Trainer trainer = trainer("run", passes -> {})) {
      assertEquals(step, trainer.resume(UnexpectedKeys.ERROR));
      trainer.run(() -> false);
    }
    isAsNeverStopped();
  }

  private void isAsNeverStopped() throws IOException {
    try (Trainer trainer = trainer("whole", passes -> {})) {
      trainer.run(() -> false);
    }
    for (String file : List.of(Checkpoint.MODEL, Checkpoint.OPTIMIZER, Checkpoint.RANDOM)) {
      Path in = Path.of("checkpoints", "step-000004", file);
      assertArrayEquals(
          Files.readAllBytes(folder.resolve("whole").resolve(in)),
          Files.readAllBytes(folder.resolve("run").resolve(in)),
          file);
    }
  }

  @Test
  void whoStopsTheRunDoesNotWaitForTheStep() throws IOException {
    boolean[] stop = {false};
    int[] last = {0};
    try (Trainer trainer =
        trainer(
            "run",
            passes -> {
              last[0] = passes;
              stop[0] |= passes == IN_THE_MIDST;
            })) {
      Trainer.Outcome outcome = trainer.run(() -> stop[0]);
      assertThat(outcome.interrupted()).isTrue();
      assertThat(outcome.step()).isEqualTo(2);
    }
    assertEquals(IN_THE_MIDST + BLOCKS - 1, last[0], "the forward is the last");
    isResumedAfter(2);
  }

  @Test
  void whoAsksForACheckpointDoesNotWaitEither() throws IOException {
    Trainer[] running = {null};
    try (Trainer trainer =
        trainer(
            "run",
            passes -> {
              if (passes == IN_THE_MIDST) {
                running[0].requestCheckpoint();
              }
              if (passes == IN_THE_MIDST + BLOCKS) {
                throw new IllegalStateException("the job's time is over");
              }
            })) {
      running[0] = trainer;
      assertThrows(RuntimeException.class, () -> trainer.run(() -> false));
    }
    isResumedAfter(2);
  }

  @Test
  void aCheckpointInTheMidstOfAStepChangesNothing() throws IOException {
    Events events = new Events();
    Trainer[] running = {null};
    Components asking =
        drawing(
            passes -> {
              if (passes == IN_THE_MIDST) {
                running[0].requestCheckpoint();
              }
            });
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("run"), RUN, events, asking)) {
      running[0] = trainer;
      trainer.run(() -> false);
    }
    assertThat(events.checkpoints)
        .extracting(each -> each.getFileName().toString())
        .containsExactly("step-000002", "step-000004");
    isAsNeverStopped();
  }

  @Test
  void aStepThatFailsIsTakenAgainToo() throws IOException {
    try (Trainer trainer =
        trainer(
            "run",
            passes -> {
              if (passes == IN_THE_MIDST) {
                throw new IllegalStateException(OutOfMemoryTest.REFUSED);
              }
            })) {
      assertThrows(TrainingException.class, () -> trainer.run(() -> false));
    }
    isResumedAfter(2);
  }
}
