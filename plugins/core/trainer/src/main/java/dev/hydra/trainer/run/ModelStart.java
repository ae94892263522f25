package dev.hydra.trainer.run;

import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;

/** Builds the model of a run as its first step finds it, or a checkpoint that is restored. */
final class ModelStart {
  private ModelStart() {}

  /**
   * Builds it.
   *
   * @param fresh whether no checkpoint is to be restored, which would replace all weights
   * @param warned is told what is not as one may expect
   * @throws dev.hydra.api.ConfigException if the configuration does not fit itself, or the weights
   *     that it begins with
   * @throws IOException if those cannot be read
   */
  static Model build(
      Experiment experiment,
      Components components,
      Placement precision,
      boolean fresh,
      Consumer<String> warned)
      throws IOException {
    TrainerSettings settings = experiment.trainer();
    Model model = Model.build(experiment.model(), components, precision, settings.seed());
    try {
      Optional<String> from = settings.initFrom().filter(folder -> fresh);
      if (from.isPresent()) {
        InitialWeights.in(from.get()).into(model, experiment.config());
      }
      if (settings.lora().isPresent()) {
        settings.lora().get().adapt(model, warned);
      } else {
        model.parameters().freeze(experiment.stages().get(0).frozen());
      }
      return model;
    } catch (IOException | RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }
}
