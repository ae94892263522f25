package dev.hydra.trainer.run;

import dev.hydra.api.Messages;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.FittingStep;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.TrainingMemory;
import dev.hydra.composer.model.TrainingMemory.Step;
import dev.hydra.libtorch.runtime.CudaMemory;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.FreeMemory;
import dev.hydra.libtorch.runtime.HostMemoryException;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.step.OptimizerMemory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Says what the steps of a stage need of their device's memory, and which settings need less.
 *
 * @param model the model, which may be on the meta device
 * @param compute the type that it computes in
 * @param stage the stage
 */
record StepMemory(Model model, ScalarType compute, Stage stage) {
  private static final String NONE_FITS =
      "take a smaller model, fewer trained parameters (trainer.lora), or a larger device";

  /** Of what is not predicted to fit, as it is with plain operators. */
  private static final String LESS = "less is taken with " + TrainerSettings.LESS_MEMORY;

  /** What is asked about a training whose model is not there. */
  @FunctionalInterface
  private interface Question {
    Optional<String> of(StepMemory memory);
  }

  /**
   * Says that the first stage of a training clearly needs more than its CUDA device has, or than is
   * left to the process on a CPU, before anything is there; nothing if it may fit.
   *
   * @param now whether the first stage is what comes now
   * @throws HostMemoryException if it comes now, and a CPU's machine cannot hold it at all
   */
  static Optional<String> tooMuch(
      Experiment experiment, Components components, Placement placement, boolean now)
      throws IOException {
    Device device = placement.device();
    boolean cuda = device.is_cuda();
    OutOfMemory.Kind kind = cuda ? OutOfMemory.Kind.CUDA : OutOfMemory.Kind.HOST;
    String owner = cuda ? device.str().getString() : "this machine";
    long bytes = cuda ? CudaMemory.total(device) : FreeMemory.bytes();
    return unbuilt(
        experiment,
        components,
        placement,
        memory -> {
          if (now && !cuda) {
            memory.predicted().refuseBeyondHost();
          }
          return memory.warning(kind, owner, bytes);
        });
  }

  /**
   * Ends a training whose model or optimizer did not fit.
   *
   * @param thrown what was thrown while they were made; nothing happens if it is something else
   * @throws TrainingException if it is that the device has no memory left
   */
  static void refuse(
      Experiment experiment, Components components, Placement placement, Throwable thrown)
      throws IOException {
    Optional<OutOfMemory> refused = OutOfMemory.in(thrown);
    if (refused.isPresent()) {
      throw new TrainingException(
          unbuilt(
                  experiment,
                  components,
                  placement,
                  memory -> Optional.of(memory.refusal(refused.get())))
              .orElseThrow(),
          0);
    }
  }

  /** Asks by a model on the meta device, where it takes no memory. */
  private static Optional<String> unbuilt(
      Experiment experiment, Components components, Placement placement, Question question)
      throws IOException {
    Placement meta = new Placement(Devices.meta(), ScalarType.Float);
    try (PointerScope scope = new PointerScope();
        Model model = ModelStart.build(experiment, components, meta, false, warning -> {})) {
      return question.of(new StepMemory(model, placement.compute(), experiment.stages().get(0)));
    }
  }

  private Step step() {
    TrainerSettings settings = stage.trainer();
    return new Step(
        settings.batchSize(),
        stage.data().sequenceLength(),
        settings.recompute(),
        settings.accumulate() > 1,
        OptimizerMemory.bytes(model, stage.optimizer()));
  }

  private TrainingMemory predicted() {
    return TrainingMemory.of(model, compute, step());
  }

  /**
   * Says that a step clearly needs more than there is, in one line.
   *
   * @param kind of which memory
   * @param owner the name of what has the memory
   * @param bytes those that it has, or has left
   * @return nothing if it may fit
   */
  Optional<String> warning(OutOfMemory.Kind kind, String owner, double bytes) {
    if (!predicted().clearlyAbove(bytes)) {
      return Optional.empty();
    }
    String problem = prediction(kind) + ", and " + owner + " has " + Messages.bytes(bytes) + "; ";
    if (kind != OutOfMemory.Kind.CUDA) {
      return Optional.of(problem + LESS);
    }
    List<String> fitting = fitting(bytes);
    return Optional.of(
        problem
            + (fitting.isEmpty() ? NONE_FITS : "predicted to fit: " + String.join("; ", fitting)));
  }

  /** Says what was needed, what there is and which settings fit, over several lines. */
  String refusal(OutOfMemory refused) {
    StringBuilder text =
        new StringBuilder(refused.text()).append(".\n").append(prediction(refused.kind()));
    if (refused.kind() != OutOfMemory.Kind.CUDA) {
      text.append("; ").append(LESS);
    } else if (refused.available().isPresent()) {
      List<String> fitting = fitting(refused.available().getAsDouble());
      text.append(fitting.isEmpty() ? ": " + NONE_FITS : "; these settings are predicted to fit:");
      fitting.forEach(each -> text.append("\n  ").append(each));
    }
    return text.toString();
  }

  /** Plain operators keep more than fused kernels, for which it is predicted. */
  private String prediction(OutOfMemory.Kind kind) {
    Step step = step();
    return "a step of "
        + Messages.count(step.rows(), "sequence")
        + " of "
        + Messages.count(step.tokens(), "token")
        + (kind == OutOfMemory.Kind.CUDA ? " is predicted to take " : " takes more than ")
        + Messages.bytes(predicted().peak());
  }

  private List<String> fitting(double memory) {
    return FittingStep.below(model, compute, step(), stage.trainer().accumulate(), memory).stream()
        .map(this::text)
        .toList();
  }

  /** The settings that are others, and what they take. */
  private String text(FittingStep fitting) {
    Step asked = step();
    Step step = fitting.step();
    List<String> settings = new ArrayList<>();
    if (step.recompute() != asked.recompute()) {
      settings.add("trainer.recompute = " + step.recompute().name().toLowerCase(Locale.ROOT));
    }
    if (step.rows() != asked.rows()) {
      settings.add("trainer.batch-size = " + step.rows());
    }
    if (fitting.forwards() != stage.trainer().accumulate()) {
      settings.add("trainer.accumulate = " + fitting.forwards());
    }
    if (step.tokens() != asked.tokens()) {
      settings.add("data.sequence-length = " + step.tokens());
    }
    return String.join(", ", settings) + " (" + Messages.bytes(fitting.peak()) + ")";
  }
}
