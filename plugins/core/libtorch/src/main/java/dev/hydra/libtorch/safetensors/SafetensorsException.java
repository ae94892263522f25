package dev.hydra.libtorch.safetensors;

import java.io.IOException;
import java.nio.file.Path;

/** Says that a file is not a safe safetensors file. The message names the file and the problem. */
public final class SafetensorsException extends IOException {
  private static final long serialVersionUID = 1;

  /** Creates the exception for a problem of a file. */
  SafetensorsException(Path file, String problem) {
    super(file + ": " + problem);
  }

  /** Creates the exception for a problem of a file, with the cause. */
  SafetensorsException(Path file, String problem, Throwable cause) {
    super(file + ": " + problem, cause);
  }
}
