package dev.hydra.libtorch.safetensors;

import java.nio.file.Path;
import java.util.Map;

/**
 * Tensors of one file that take the place of others, such as averages of parameters.
 *
 * @param file a safetensors file
 * @param names the names in the file, by the names of those that they take the place of
 */
public record TensorReplacements(Path file, Map<String, String> names) {
  /** Copies the names. */
  public TensorReplacements {
    names = Map.copyOf(names);
  }
}
