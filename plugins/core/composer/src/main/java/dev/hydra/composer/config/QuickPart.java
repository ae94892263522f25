package dev.hydra.composer.config;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Names;
import dev.hydra.api.Option;
import java.util.List;

/** What a configuration has in its part {@value #NAME} for a smaller run of another part. */
public final class QuickPart {
  /** Its name. */
  public static final String NAME = "quick";

  private QuickPart() {}

  /**
   * Checks that {@value #NAME} holds nothing that the part cannot, whether it counts or not.
   *
   * @param options those of the part
   * @throws ConfigException for an unknown key, with the nearest known one
   */
  public static void check(Config file, List<Option<?>> options) {
    List<String> known = options.stream().map(Option::name).sorted().toList();
    ConfigFiles.part(file, NAME)
        .root()
        .forEach(
            (key, value) -> {
              if (!known.contains(key)) {
                throw new ConfigException(
                    value.origin(), NAME + "." + key, Names.unknown("key", key, known));
              }
            });
  }

  /**
   * Returns a part of a file with what stands in {@value #NAME} in the place of its own.
   *
   * @param overrides what the file was read with, see {@link ConfigFiles#load}; they are stronger
   *     than {@value #NAME}, too
   * @throws ConfigException if one of them is not an object
   */
  public static Config over(Config file, String part, List<String> overrides) {
    Config config = ConfigFiles.part(file, NAME).atPath(part).withFallback(file);
    return ConfigFiles.part(ConfigFiles.override(config, overrides), part);
  }
}
