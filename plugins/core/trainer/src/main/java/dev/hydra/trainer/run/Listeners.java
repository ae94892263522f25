package dev.hydra.trainer.run;

import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.trainer.evaluation.Score;
import java.nio.file.Path;
import java.util.List;

/** Tells several listeners, in their order. */
record Listeners(List<TrainingListener> all) implements TrainingListener {
  @Override
  public void started(Swapper swapper) {
    all.forEach(each -> each.started(swapper));
  }

  @Override
  public void stageBegan(StageReport report) {
    all.forEach(each -> each.stageBegan(report));
  }

  @Override
  public void stepped(StepReport report) {
    all.forEach(each -> each.stepped(report));
  }

  @Override
  public void evaluating(String set, int windows, int of) {
    all.forEach(each -> each.evaluating(set, windows, of));
  }

  @Override
  public void evaluated(long step, Score score) {
    all.forEach(each -> each.evaluated(step, score));
  }

  @Override
  public void checkpointed(long step, Path folder) {
    all.forEach(each -> each.checkpointed(step, folder));
  }

  @Override
  public void warned(String message) {
    all.forEach(each -> each.warned(message));
  }

  @Override
  public void swapped(SwapReport report) {
    all.forEach(each -> each.swapped(report));
  }
}
