package dev.hydra.data;

import dev.hydra.api.Settings;
import java.nio.file.Path;
import java.util.List;

/**
 * The arguments from which a factory creates a source.
 *
 * @param settings the values of the options of its factory
 * @param roots the folders in which relative file names are looked for, in order
 * @param tokenizer what will make tokens of the text
 */
public record SourceContext(Settings settings, List<Path> roots, Tokenizer tokenizer) {
  /** Creates the arguments of a source whose tokens are to be bytes. */
  public SourceContext(Settings settings, List<Path> roots) {
    this(settings, roots, new ByteTokenizer());
  }
}
