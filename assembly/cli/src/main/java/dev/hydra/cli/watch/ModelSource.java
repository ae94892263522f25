package dev.hydra.cli.watch;

import dev.hydra.composer.model.ModelComposition;
import java.io.IOException;
import java.nio.file.Path;

/** Tells what the model of a run that is not training is composed of. */
@FunctionalInterface
public interface ModelSource {
  /**
   * Describes the model of the newest checkpoint, or else of the configuration.
   *
   * @param tokens the sequence length to count FLOPs at
   * @throws IOException if it cannot be built, saying why
   */
  ModelComposition of(Path run, long tokens) throws IOException;
}
