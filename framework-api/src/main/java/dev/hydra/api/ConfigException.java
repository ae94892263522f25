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
    super(place(origin.description()) + path + ": " + problem);
  }

  /** Where it was written, without what the library says of its own making. */
  private static String place(String description) {
    if (description.equals("hardcoded value") || description.startsWith("atPath(")) {
      return "";
    }
    return description.replaceFirst("^merge of ", "").replaceAll("atPath\\([^)]*\\),?", "") + ": ";
  }
}
