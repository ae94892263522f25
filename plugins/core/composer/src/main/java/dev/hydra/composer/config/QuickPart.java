package dev.hydra.composer.config;

import com.typesafe.config.Config;
import java.util.List;

/** What a configuration has in its part {@value #NAME} for a smaller run of another part. */
public final class QuickPart {
  /** Its name. */
  public static final String NAME = "quick";

  private QuickPart() {}

  /**
   * Returns a part of a file with what stands in {@value #NAME} in the place of its own.
   *
   * @param overrides what the file was read with, see {@link ConfigFiles#load}; they are stronger
   *     than {@value #NAME}, too
   * @throws dev.hydra.api.ConfigException if one of them is not an object
   */
  public static Config over(Config file, String part, List<String> overrides) {
    Config config = ConfigFiles.part(file, NAME).atPath(part).withFallback(file);
    return ConfigFiles.part(ConfigFiles.override(config, overrides), part);
  }
}
