package dev.hydra.tasks;

import dev.hydra.api.Settings;
import java.nio.file.Path;
import java.util.List;

/**
 * The arguments from which a factory creates a task.
 *
 * @param settings the values of the options of its factory
 * @param roots the folders in which relative file names are looked for, in order
 */
public record TaskContext(Settings settings, List<Path> roots) {
  /** Copies the list. */
  public TaskContext {
    roots = List.copyOf(roots);
  }
}
