package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.composer.config.ConfigChange;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The weights that a training begins with, {@code trainer.init-from}: those of a checkpoint or an
 * imported model, by the names of parameters.
 *
 * @param from what has them
 */
record InitialWeights(Checkpoint from) {
  /** Returns those in a folder. */
  static InitialWeights in(String folder) {
    return new InitialWeights(new Checkpoint(Path.of(folder)));
  }

  /**
   * Loads them.
   *
   * @param here the configuration of the model
   * @throws ConfigException if there are none, or names or shapes do not fit; the model is as
   *     before
   * @throws IOException if they cannot be read
   */
  void into(Model model, Config here) throws IOException {
    Path file = from.file(Checkpoint.MODEL);
    if (!Files.isRegularFile(file)) {
      throw invalid(
          here,
          "there is no "
              + file
              + "; name an imported model, a run folder or a checkpoint, in which weights are");
    }
    try {
      ModelFiles.load(model, file);
    } catch (ModelFiles.MisfitException e) {
      ConfigException refused = invalid(here, misfit(here, e));
      refused.initCause(e);
      throw refused;
    }
  }

  private String misfit(Config here, ModelFiles.MisfitException e) {
    String changes =
        Files.exists(from.file(Checkpoint.CONFIG))
            ? Checkpoint.changes(ConfigChange.under("model", from.config(), here))
                .map(each -> "; in the configurations, " + each)
                .orElse("")
            : "";
    return e.getMessage()
        + changes
        + ". Leave the part model out of the configuration, then it is that of "
        + from.folder()
        + ", or make it fit";
  }

  private static ConfigException invalid(Config here, String problem) {
    return new ConfigException(
        here.getValue(TrainerSettings.INIT_FROM_PATH).origin(),
        TrainerSettings.INIT_FROM_PATH,
        problem);
  }
}
