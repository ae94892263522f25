package dev.hydra.api;

import com.typesafe.config.ConfigOrigin;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A mistake in a configuration. Its message names file, line, path, problem and remedy. */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient @Nullable ConfigOrigin origin;
  private final boolean alone;

  /** Reports a mistake that no single line is to blame for. */
  public ConfigException(String message) {
    super(message);
    origin = null;
    alone = false;
  }

  /** Reports a mistake at one place of a configuration. */
  public ConfigException(ConfigOrigin origin, String path, String problem) {
    this(origin, path, problem, false);
  }

  /**
   * Reports a mistake at one place of a configuration.
   *
   * @param alone whether it is one whatever else the configuration says
   */
  ConfigException(ConfigOrigin origin, String path, String problem, boolean alone) {
    super(place(origin.description()) + path + ": " + problem);
    this.origin = origin;
    this.alone = alone;
  }

  /** Returns the place of the mistake; empty if no single line is to blame. */
  public Optional<ConfigOrigin> origin() {
    return Optional.ofNullable(origin);
  }

  /**
   * Says whether it is a mistake whatever else the configuration says, such as an unknown key or a
   * value out of its range; what is not may be in order by itself, and not fit another setting.
   */
  public boolean alone() {
    return alone;
  }

  /** Where it was written, without what the library says of its own making. */
  private static String place(String description) {
    if (description.equals("hardcoded value") || description.startsWith("atPath(")) {
      return "";
    }
    return description.replaceFirst("^merge of ", "").replaceAll("atPath\\([^)]*\\),?", "") + ": ";
  }
}
