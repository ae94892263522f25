package dev.hydra.composer.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigResolveOptions;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Names;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Reads configuration files: HOCON with includes, substitutions and overrides. */
public final class ConfigFiles {
  private ConfigFiles() {}

  /**
   * Reads and resolves a file.
   *
   * @param file the file; its includes are relative to it
   * @param overrides {@code key=value} each, stronger than the file, the last one strongest
   * @throws ConfigException for a missing file, included ones too, a mistake in the syntax or an
   *     unknown substitution
   */
  public static Config load(Path file, List<String> overrides) {
    if (!Files.isRegularFile(file)) {
      throw new ConfigException("there is no configuration file " + file.toAbsolutePath());
    }
    try {
      Config config =
          ConfigFactory.parseFile(
              file.toAbsolutePath().toFile(), // includes are sought beside it, so it needs a folder
              ConfigParseOptions.defaults()
                  .setAllowMissing(false)
                  .setIncluder(new RequiredIncludes()));
      for (String override : overrides) {
        config = override(override).withFallback(config);
      }
      return config.resolve(ConfigResolveOptions.noSystem());
    } catch (com.typesafe.config.ConfigException e) {
      ConfigException readable = new ConfigException(String.valueOf(e.getMessage()));
      readable.initCause(e);
      throw readable;
    }
  }

  private static Config override(String text) {
    int equals = text.indexOf('=');
    if (equals < 1) {
      throw new ConfigException("--set " + text + ": must be key=value, such as trainer.steps=100");
    }
    return ConfigFactory.parseString(
        text, ConfigParseOptions.defaults().setOriginDescription("--set " + text));
  }

  /**
   * Checks that a configuration has no other parts than those named. {@code vars} is always
   * allowed: a place for values that substitutions use.
   */
  public static void allow(Config config, List<String> parts) {
    for (Map.Entry<String, ConfigValue> entry : config.root().entrySet()) {
      String key = entry.getKey();
      if (!parts.contains(key) && !key.equals("vars")) {
        throw new ConfigException(
            entry.getValue().origin(),
            key,
            Names.unknown("part", key, parts) + "; values of your own go under vars");
      }
    }
  }

  /** Returns the part of a configuration under a key, empty if it has none. */
  public static Config part(Config config, String key) {
    if (!config.hasPath(key)) {
      return ConfigFactory.empty(key);
    }
    ConfigValue value = config.getValue(key);
    if (value instanceof com.typesafe.config.ConfigObject object) {
      return object.toConfig();
    }
    throw new ConfigException(value.origin(), key, "must be an object");
  }

  /** Renders the configuration as HOCON text. */
  public static String render(Config config) {
    return config
        .root()
        .render(ConfigRenderOptions.defaults().setOriginComments(false).setJson(false));
  }
}
