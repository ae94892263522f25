package dev.hydra.cli;

import dev.hydra.composer.SwapReport;
import dev.hydra.trainer.Score;
import dev.hydra.trainer.StepReport;
import dev.hydra.trainer.TrainingListener;
import java.nio.file.Path;

/** Shows what happens in a run. */
final class RunEvents implements TrainingListener {
  private final ProgressDisplay display;
  private volatile long step;

  RunEvents(ProgressDisplay display) {
    this.display = display;
  }

  /** The newest step that was reported. */
  long step() {
    return step;
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
    if (report.status() != SwapReport.Status.PREPARED) {
      display.say(SwapText.line(report));
    }
  }

  /** Something that was refused before the trainer heard of it. */
  void refused(String reason) {
    display.say("swap refused: " + reason);
  }
}
