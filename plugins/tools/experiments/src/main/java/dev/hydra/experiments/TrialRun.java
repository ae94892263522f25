package dev.hydra.experiments;

import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.experiments.measure.Measure;
import dev.hydra.experiments.measure.Observed;
import dev.hydra.libtorch.graphs.CapturedForward;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.optim.LearningRate;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.tasks.Condition;
import dev.hydra.trainer.step.StepMetrics;
import dev.hydra.trainer.step.TrainingStep;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Device;

/** Trains a model of a study and tests it. */
final class TrialRun {
  private final Study study;
  private final Trial trial;
  private final Examples examples;
  private final Budget budget;
  private final int length;
  private final List<TrialResult.Point> curve = new ArrayList<>();

  TrialRun(Study study, Trial trial, Examples examples) {
    this.study = study;
    this.trial = trial;
    this.examples = examples;
    this.budget = study.budget();
    this.length = trial.task().length();
  }

  /**
   * Runs.
   *
   * @param stop asked after every step
   * @param warned is told why a step is slower than it could be
   * @return nothing if it was stopped
   */
  Optional<TrialResult> run(
      Components components, Device device, BooleanSupplier stop, Consumer<String> warned) {
    long start = System.nanoTime();
    RandomState.seed(trial.seed());
    Placement placement = new Placement(device, ComputeType.choose(budget.precision(), device));
    OptimizerSettings optimizer = study.optimizer(trial.rate());
    LearningRate rates = optimizer.learningRate(trial.steps());
    try (Model model =
            Model.build(trial.model().spec(trial.task(), 0), components, placement, trial.seed());
        TrainingBatches batches = new TrainingBatches(examples, trial.seed(), budget);
        TrainingStep training =
            new TrainingStep(model, optimizer, Recompute.NONE, GraphMode.AUTO, warned);
        CapturedForward forward = // where steps are: why a step cannot be has been said
            new CapturedForward(
                device, tokens -> Accuracy.hidden(model, tokens), training::captured, warned);
        StagedModel staged = new StagedModel(trial, model, training)) {
      int step = 0;
      boolean reached = false;
      boolean finite = true;
      while (finite && step < trial.steps() && !reached) {
        if (stop.getAsBoolean()) {
          return Optional.empty();
        }
        if (staged.at(step)) {
          forward.changed();
        }
        StepMetrics metrics = training.run(i -> batches.next(), 1, rates.at(step));
        finite = metrics.finite();
        step += finite ? 1 : 0;
        if (!finite || step % budget.evaluateEvery() == 0 || step == trial.steps()) {
          reached = budget.reached(validate(model, forward, step, metrics.loss()));
        }
      }
      Map<String, Double> accuracies = new LinkedHashMap<>();
      List<Observed> observed = new ArrayList<>();
      test(model, forward, accuracies, observed);
      TrialResult.Point last = curve.get(curve.size() - 1);
      return Optional.of(
          new TrialResult(
              step,
              finite,
              last.accuracy(),
              last.loss(),
              accuracies,
              Measure.all(study.measures(), observed),
              (System.nanoTime() - start) / 1e9,
              curve));
    }
  }

  private double validate(Model model, CapturedForward forward, int step, double trainingLoss) {
    Accuracy measured =
        Accuracy.of(model, forward::run, examples.validation(), length, budget.batchSize());
    curve.add(new TrialResult.Point(step, trainingLoss, measured.loss(), measured.accuracy()));
    return measured.accuracy();
  }

  private void test(
      Model model,
      CapturedForward forward,
      Map<String, Double> accuracies,
      List<Observed> observed) {
    List<Condition> conditions = trial.task().task().conditions();
    for (int i = 0; i < conditions.size(); i++) {
      Condition condition = conditions.get(i);
      // As many tokens at a time as in training, be they in longer examples.
      int rows = Math.max(1, budget.batchSize() * length / Math.max(length, condition.length()));
      Accuracy measured =
          Accuracy.of(model, forward::run, examples.test(i), condition.length(), rows);
      accuracies.put(condition.name(), measured.accuracy());
      if (!study.measures().isEmpty()) {
        observed.add(Observing.of(model, condition.name(), measured.loss(), examples.test(i)));
      }
    }
  }
}
