package dev.hydra.cli;

import dev.hydra.composer.SwapReport;
import dev.hydra.trainer.Score;
import dev.hydra.trainer.StepReport;
import dev.hydra.trainer.TrainingListener;
import java.nio.file.Path;

/** Shows what happens in a run, and knows until when the last swap can be undone. */
final class RunEvents implements TrainingListener {
  private final ProgressDisplay display;
  private final int guardSteps;
  private volatile long step;
  private volatile long settledAt;

  RunEvents(ProgressDisplay display, int guardSteps) {
    this.display = display;
    this.guardSteps = guardSteps;
  }

  /** The newest step that was reported. */
  long step() {
    return step;
  }

  /** Whether the last swap can no longer be undone, so that what it replaced is of no use. */
  boolean settled() {
    return step >= settledAt;
  }

  @Override
  public void stepped(StepReport report) {
    step = report.step();
    display.stepped(report);
  }

  @Override
  public void evaluated(long after, Score score) {
    display.evaluated(after, score);
  }

  @Override
  public void checkpointed(long after, Path folder) {
    display.checkpointed(after, folder);
  }

  @Override
  public void warned(String message) {
    display.warned(message);
  }

  @Override
  public void swapped(SwapReport report) {
    switch (report.status()) {
      // It is confirmed between the last guarded step and the next one.
      case SWITCHED -> settledAt = guardSteps == 0 ? 0 : report.step() + guardSteps + 1;
      case ROLLED_BACK -> settledAt = 0;
      case PREPARED, REFUSED -> {}
    }
    if (report.status() != SwapReport.Status.PREPARED) {
      display.say(SwapText.line(report));
    }
  }

  /** Something that was refused before the trainer heard of it. */
  void refused(String reason) {
    display.say("swap refused: " + reason);
  }
}
