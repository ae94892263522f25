package dev.hydra.composer.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigResolveOptions;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Names;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Reads configuration files: HOCON with includes, substitutions and overrides. */
public final class ConfigFiles {
  private ConfigFiles() {}

  /**
   * Reads and resolves a file. What a substitution does not find there is sought in the
   * environment.
   *
   * @param file the file; its includes are relative to it
   * @param overrides {@code key=value} each, stronger than the file, the last one strongest; a key
   *     may go through elements of lists, such as {@code model.block.paths[1].gate}
   * @throws ConfigException for a missing file, included ones too, a mistake in the syntax or an
   *     unknown substitution
   */
  public static Config load(Path file, List<String> overrides) {
    return load(file, overrides, System::getenv);
  }

  static Config load(
      Path file, List<String> overrides, UnaryOperator<@Nullable String> environment) {
    if (!Files.isRegularFile(file)) {
      throw new ConfigException("there is no configuration file " + file.toAbsolutePath());
    }
    try {
      Config config =
          ConfigFactory.parseFile(
              file.toAbsolutePath().toFile(), // includes are sought beside it, so it needs a folder
              ConfigParseOptions.defaults()
                  .setAllowMissing(false)
                  .setIncluder(new RequiredIncludes(file)));
      return overridden(config, overrides, environment);
    } catch (com.typesafe.config.ConfigException e) {
      throw readable(e);
    }
  }

  /**
   * Returns a configuration with overrides as those of {@link #load}, which are to be stronger than
   * what has been put into it since it was read.
   *
   * @throws ConfigException as {@link #load} does
   */
  public static Config override(Config config, List<String> overrides) {
    try {
      return overridden(config, overrides, System::getenv);
    } catch (com.typesafe.config.ConfigException e) {
      throw readable(e);
    }
  }

  private static ConfigException readable(com.typesafe.config.ConfigException e) {
    // The library says so of a { as well.
    String message =
        String.valueOf(e.getMessage())
            .replace(
                "expecting a close parentheses ')' here, not: end of file",
                "the file ends before a { or ( is closed");
    ConfigException readable = new ConfigException(message);
    readable.initCause(e);
    return readable;
  }

  private static Config overridden(
      Config config, List<String> overrides, UnaryOperator<@Nullable String> environment) {
    return overridden(
        config,
        overrides.stream().map(SetValue::of).toList(),
        ConfigResolveOptions.noSystem().appendResolver(new Environment(environment)));
  }

  /** Elements of a list that comes from a substitution are there only once that is resolved. */
  private static Config overridden(
      Config file, List<SetValue> overrides, ConfigResolveOptions resolving) {
    Config config = file;
    List<SetValue> later = new ArrayList<>();
    for (SetValue override : overrides) {
      if (!override.element()) {
        override.path(config.root()).refuseLists();
        config = override.config().withFallback(config);
        continue;
      }
      try {
        config = override.path(config.root()).with(override.value()).toConfig();
      } catch (com.typesafe.config.ConfigException.NotResolved e) {
        later.add(override);
      }
    }
    config = placed(config.resolve(resolving).root(), file.root()).toConfig();
    for (SetValue override : later) {
      ConfigValue value =
          Objects.requireNonNull(
              override.value().atKey("v").resolveWith(config, resolving).root().get("v"));
      config = override.path(config.root()).with(value).toConfig();
    }
    return config;
  }

  /** Gives objects the lines that the file has them at: merged with an override they have none. */
  private static ConfigObject placed(ConfigObject config, ConfigObject file) {
    ConfigObject placed = config.withOrigin(file.origin());
    for (Map.Entry<String, ConfigValue> each : config.entrySet()) {
      if (each.getValue() instanceof ConfigObject object) {
        ConfigValue written = written(file, each.getKey());
        if (written instanceof ConfigObject own) {
          placed = placed.withValue(each.getKey(), placed(object, own));
        } else if (written != null && !resolved(written)) { // a substitution
          placed = placed.withValue(each.getKey(), object.withOrigin(written.origin()));
        }
      }
    }
    return placed;
  }

  private static boolean resolved(ConfigValue value) {
    try {
      value.valueType();
      return true;
    } catch (com.typesafe.config.ConfigException.NotResolved e) {
      return false;
    }
  }

  /** What is merged with a substitution shows nothing of itself before that is resolved. */
  private static @Nullable ConfigValue written(ConfigObject file, String key) {
    try {
      return file.get(key);
    } catch (com.typesafe.config.ConfigException.NotResolved e) {
      return null;
    }
  }

  /**
   * Returns a configuration with another value at a key, which may go through elements of lists as
   * those of overrides do, such as {@code model.block.paths[1].gate}.
   *
   * @throws ConfigException if there is no such element
   */
  public static Config with(Config config, String key, ConfigValue value) {
    return new ElementPath(value.origin().description() + ": " + key, key, config.root())
        .with(value)
        .toConfig();
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
    if (value instanceof ConfigObject object) {
      return object.toConfig();
    }
    throw new ConfigException(value.origin(), key, "must be an object");
  }

  /** Renders the configuration as HOCON text, which reads and renders as the same. */
  public static String render(Config config) {
    return RenderedComments.of(config.root())
        .render(ConfigRenderOptions.defaults().setOriginComments(false).setJson(false));
  }
}
