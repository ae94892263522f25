package dev.hydra.trainer.run;

import dev.hydra.composer.model.Model;
import dev.hydra.data.Dataset;
import dev.hydra.trainer.evaluation.Evaluator;
import dev.hydra.trainer.evaluation.Observation;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.metrics.TrainingClock;
import dev.hydra.trainer.step.AveragedWeights;
import dev.hydra.trainer.step.TrainingStep;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/** The evaluations of a run on held-out text, which are not training time. */
final class Evaluations {
  private final Model model;
  private final TrainingStep training;
  private final TrainingClock clock;
  private final RunLog log;
  private final TrainingListener listener;
  private TrainerSettings settings;
  private Evaluator evaluator;
  private long step;

  Evaluations(
      Model model,
      TrainingStep training,
      TrainingClock clock,
      RunLog log,
      TrainingListener listener,
      TrainerSettings settings,
      Dataset dataset) {
    this.model = model;
    this.training = training;
    this.clock = clock;
    this.log = log;
    this.listener = listener;
    this.settings = settings;
    this.evaluator = evaluator(dataset);
  }

  /** Goes on with the settings and the data of another stage. */
  void follow(TrainerSettings others, Dataset dataset) {
    settings = others;
    evaluator = evaluator(dataset);
  }

  /** Forwards are captured where steps are: why a step cannot be has been said. */
  private Evaluator evaluator(Dataset dataset) {
    return new Evaluator(model, dataset, settings.batchSize())
        .capturing(training::captured, why -> log.warn(step, why));
  }

  /** Scores the validation sets; returns nothing if there is none, or if asked to stop. */
  List<Score> score(long now, int windows, BooleanSupplier stop) {
    step = now;
    if (!evaluator.possible()) {
      return List.of();
    }
    try (TrainingClock.Pause pause = clock.pause()) {
      List<Score> scores = evaluator.score(windows, stop, listener::evaluating);
      for (Score score : scores) {
        log.evaluated(step, score.set(), score);
        listener.evaluated(step, score);
      }
      if (!scores.isEmpty()) {
        scoreAverage(windows, stop);
      }
      return scores;
    }
  }

  /** Scores the average of the parameters, if there is one, beside the parameters themselves. */
  private void scoreAverage(int windows, BooleanSupplier stop) {
    if (settings.emaDecay().isEmpty()) {
      return;
    }
    try (AveragedWeights averages = new AveragedWeights(model, training.optimizer())) {
      evaluator
          .score(windows, stop, listener::evaluating)
          .forEach(score -> log.evaluated(step, score.set() + "-ema", score));
    }
  }

  /** Writes what components observe of themselves on held-out text, if there is any. */
  void observe(long step) {
    if (evaluator.possible()) {
      try (TrainingClock.Pause pause = clock.pause()) {
        Map<String, Observation> observed =
            evaluator.observe(settings.metrics().observeWindows(), (set, windows, of) -> {});
        if (!observed.isEmpty()) {
          log.observed(step, observed);
        }
      }
    }
  }
}
