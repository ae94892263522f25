package dev.hydra.data;

import dev.hydra.api.Settings;
import java.nio.file.Path;
import java.util.List;

/**
 * The arguments from which a factory creates a tokenizer.
 *
 * @param settings the values of the options of its factory
 * @param roots the folders in which relative file names are looked for, in order
 */
public record TokenizerContext(Settings settings, List<Path> roots) {
  /** Copies the list. */
  public TokenizerContext {
    roots = List.copyOf(roots);
  }

  /**
   * Finds the file that an option names.
   *
   * @throws dev.hydra.api.ConfigException if there is none, naming every path tried
   */
  public Path file(dev.hydra.api.Option<String> option) {
    return CorpusException.blamed(
        settings, option, () -> FileNames.file(settings.get(option), roots));
  }
}
