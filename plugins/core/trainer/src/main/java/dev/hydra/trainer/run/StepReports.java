package dev.hydra.trainer.run;

import dev.hydra.trainer.metrics.ModelCosts;
import dev.hydra.trainer.metrics.TrainingClock;
import dev.hydra.trainer.step.StepMetrics;

/** Reports steps, with what they took: to the log and to who listens. */
final class StepReports {
  private final TrainingClock clock;
  private final ModelCosts costs;
  private final RunLog log;
  private final TrainingListener listener;

  StepReports(TrainingClock clock, ModelCosts costs, RunLog log, TrainingListener listener) {
    this.clock = clock;
    this.costs = costs;
    this.log = log;
    this.listener = listener;
  }

  /** Reports the step that was just taken; rates are those since the report before. */
  void report(long step, Stage stage, StepMetrics measured, double learningRate) {
    int length = stage.data().sequenceLength();
    TrainingClock.Lap lap = clock.lap();
    TrainingClock.Position position = clock.position();
    StepReport report =
        new StepReport(
            step,
            stage.trainer().steps(),
            measured.loss(),
            measured.auxiliary(),
            measured.gradientNorm(),
            learningRate,
            lap.tokensPerSecond(),
            lap.dataWait(),
            new StepReport.Totals(
                position.tokens(),
                position.seconds(),
                costs.mfu(length, ModelCosts.FORWARDS_OF_A_STEP * lap.tokensPerSecond()),
                costs.devicePeakBytes(),
                costs.hostBytes()));
    log.step(report, costs.line(length));
    listener.stepped(report);
  }
}
