package dev.hydra.experiments;

import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelSummary;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.trainer.metrics.ModelCosts;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The size of a model for a task.
 *
 * @param task the name of the task
 * @param model the name of the model
 * @param parameters all parameters of the whole model
 * @param activeParameters those that one token uses
 * @param trainingFlops of forward and backward of one token, in an example as long as the longest
 *     that is trained on; the mean over the steps of all stages
 * @param steps the most optimizer steps that it is trained for
 */
public record ModelSize(
    String task,
    String model,
    long parameters,
    long activeParameters,
    double trainingFlops,
    int steps) {
  /** Counts a model in all its stages, without memory for the parameters. */
  static ModelSize of(StudyTask task, StudyModel model, Components components, int steps) {
    double flops = 0;
    double begin = 0;
    int stage = 0;
    for (TrialStage each : model.stages()) {
      flops += (each.until() - begin) * trainingFlops(summary(task, model, stage++, components));
      begin = each.until();
    }
    ModelSummary whole = summary(task, model, stage, components);
    return new ModelSize(
        task.name(),
        model.name(),
        whole.parameters(),
        whole.activeParameters(),
        flops + (1 - begin) * trainingFlops(whole),
        steps);
  }

  private static double trainingFlops(ModelSummary model) {
    return ModelCosts.FORWARDS_OF_A_STEP * model.lengths().get(0).forwardFlopsPerToken();
  }

  private static ModelSummary summary(
      StudyTask task, StudyModel model, int stage, Components components) {
    try (PointerScope scope = new PointerScope();
        Model built =
            Model.build(
                model.spec(task, stage),
                components,
                new Placement(Devices.meta(), ScalarType.Float),
                0)) {
      return ModelSummary.of(built, ScalarType.Float, List.of((long) task.length()));
    }
  }

  /** Returns this size with so many steps that training takes the FLOPs of another one. */
  ModelSize withFlopsOf(ModelSize other) {
    return new ModelSize(
        task,
        model,
        parameters,
        activeParameters,
        trainingFlops,
        (int) Math.max(1, Math.round(other.steps * other.trainingFlops / trainingFlops)));
  }

  /** Returns the FLOPs of training on one token of each step, over all steps. */
  double wholeFlops() {
    return trainingFlops * steps;
  }
}
