package dev.hydra.cli;

import dev.hydra.api.Messages;
import dev.hydra.bench.Shape;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.FittingStep;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.composer.model.TrainingMemory;
import dev.hydra.composer.model.TrainingMemory.Step;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.trainer.step.OptimizerMemory;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Says with which shape and recomputation a training step is predicted to fit, where one did not.
 *
 * @param compute the type that it computes in
 * @param asked the shape that did not fit
 * @param recompute which blocks were computed again
 * @param optimizer the optimizer
 */
record FittingShapes(
    ModelSpec spec,
    Components components,
    ScalarType compute,
    Shape asked,
    Recompute recompute,
    OptimizerSettings optimizer) {
  /** What is asked about a step of a model that is not there. */
  @FunctionalInterface
  private interface Question<T> {
    T of(Model model, Step step);
  }

  /** Asks by a model on the meta device, where it takes no memory. */
  private <T> T unbuilt(Question<T> question) {
    try (PointerScope scope = new PointerScope();
        Model model =
            Model.build(spec, components, new Placement(Devices.meta(), ScalarType.Float), 0)) {
      return question.of(
          model,
          new Step(
              asked.batch(),
              asked.tokens(),
              recompute,
              false,
              OptimizerMemory.bytes(model, optimizer)));
    }
  }

  /**
   * Refuses a step on the CPU that the host clearly cannot hold.
   *
   * @throws dev.hydra.libtorch.runtime.HostMemoryException if it cannot
   */
  void refuseBeyondHost() {
    unbuilt((model, step) -> TrainingMemory.of(model, compute, step)).refuseBeyondHost();
  }

  /** Says what the step is predicted to take, and which do with what there is, in a sentence. */
  String text(OutOfMemory refused) {
    return unbuilt((model, step) -> text(refused, model, step));
  }

  private String text(OutOfMemory refused, Model model, Step step) {
    String peak = Messages.bytes(TrainingMemory.of(model, compute, step).peak());
    if (refused.kind() != OutOfMemory.Kind.CUDA) { // plain operators keep more
      return "A step of it takes more than " + peak + "; less is taken with a smaller --shape.";
    }
    String prediction = "A step of it is predicted to take " + peak;
    if (refused.available().isEmpty()) {
      return prediction + ".";
    }
    List<FittingStep> fitting =
        FittingStep.below(model, compute, step, 1, refused.available().getAsDouble());
    return fitting.isEmpty()
        ? prediction + ", and no shape is predicted to fit: take a smaller model."
        : prediction
            + "; predicted to fit: "
            + fitting.stream().map(this::settings).collect(Collectors.joining("; "))
            + ".";
  }

  private String settings(FittingStep fitting) {
    Step step = fitting.step();
    return "--shape "
        + step.rows()
        + "x"
        + step.tokens()
        + (step.recompute() == recompute
            ? ""
            : " --set trainer.recompute=" + step.recompute().name().toLowerCase(Locale.ROOT))
        + " ("
        + Messages.bytes(fitting.peak())
        + ")";
  }
}
