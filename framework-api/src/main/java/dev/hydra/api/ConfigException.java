package dev.hydra.api;

import com.typesafe.config.ConfigOrigin;

/** A mistake in a configuration. Its message names file, line, path, problem and remedy. */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Reports a mistake that no single line is to blame for. */
  public ConfigException(String message) {
    super(message);
  }

  /** Reports a mistake at one place of a configuration. */
  public ConfigException(ConfigOrigin origin, String path, String problem) {
    super(origin.description() + ": " + path + ": " + problem);
  }
}
