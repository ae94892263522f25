package dev.hydra.trainer.run;

import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.trainer.metrics.TrainingClock;
import java.io.IOException;
import java.util.function.Supplier;

/** Saves the checkpoints of a run as it goes on, and knows which one is the newest. */
final class Saves {
  private final RunFolder folder;
  private final Checkpoints checkpoints;
  private final Supplier<String> config;
  private final RunLog log;
  private final TrainingClock clock;
  private final TrainingListener listener;
  private long savedStep = -1;

  /**
   * Creates the saves of a run that has no checkpoint yet.
   *
   * @param config the configuration as it is at a checkpoint
   * @param clock stands still meanwhile
   */
  Saves(
      RunFolder folder,
      Checkpoints checkpoints,
      Supplier<String> config,
      RunLog log,
      TrainingClock clock,
      TrainingListener listener) {
    this.folder = folder;
    this.checkpoints = checkpoints;
    this.config = config;
    this.log = log;
    this.clock = clock;
    this.listener = listener;
  }

  /** Says that the run goes on from a checkpoint; those after it do not count any more. */
  void resumed(long step) throws IOException {
    savedStep = step;
    folder.setAsideAfter(step);
  }

  /**
   * Writes a checkpoint of a step, unless there is one. A full disk must not end a run: the next
   * checkpoint may find room again.
   *
   * @param state what the run is besides its tensors
   * @param keep how many checkpoints stay
   */
  void save(Supplier<TrainerState> state, long step, int keep) {
    try {
      write(state, step, keep);
    } catch (IOException e) {
      log.warn(step, problem(step, e) + ". Training goes on; make room before the next checkpoint");
    }
  }

  /** Writes a checkpoint of a step, unless there is one, after which there will be no next one. */
  void saveLast(Supplier<TrainerState> state, long step, int keep) throws IOException {
    try {
      write(state, step, keep);
    } catch (IOException e) {
      throw new IOException(
          problem(step, e)
              + ". Make room, or use another disk; "
              + newest()
              + ", go on with --resume",
          e);
    }
  }

  private void write(Supplier<TrainerState> state, long step, int keep) throws IOException {
    if (savedStep == step || step == 0) {
      return;
    }
    try (TrainingClock.Pause pause = clock.pause()) {
      Checkpoint checkpoint = checkpoints.save(state.get(), keep);
      savedStep = step;
      DurableFiles.write(folder.config(), config.get());
      log.event("checkpoint", step, "folder", checkpoint.folder().getFileName().toString());
      listener.checkpointed(step, checkpoint.folder());
    }
  }

  private static String problem(long step, IOException e) {
    return "the checkpoint of step " + step + " could not be written: " + e.getMessage();
  }

  /**
   * Writes a checkpoint of the last step where something else ends the run, which is what users are
   * to be told: that it cannot be written is said beside.
   *
   * @return which checkpoint is the newest now, in words
   */
  String last(Supplier<TrainerState> state, long step, int keep) {
    try {
      saveLast(state, step, keep);
      return newest();
    } catch (IOException | RuntimeException e) {
      return LibTorchException.readable(e) + "; " + newest();
    }
  }

  /** Says which checkpoint is the newest, in words. */
  String newest() {
    return savedStep < 0
        ? "there is no checkpoint yet"
        : "the newest checkpoint is that of step " + savedStep;
  }
}
