package dev.hydra.composer.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Names;
import dev.hydra.api.Option;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** What a configuration has in its part {@value #NAME} for a smaller run of another part. */
public final class QuickPart {
  /** Its name. */
  public static final String NAME = "quick";

  private QuickPart() {}

  /**
   * Checks that {@value #NAME} holds nothing that the part cannot, whether it counts or not.
   *
   * @param part the part
   * @param options its options
   * @param named those of them that are {@link NamedObjects}, of which it has no others than the
   *     part
   * @throws ConfigException for an unknown key, with the nearest known one
   */
  public static void check(
      Config file, String part, List<Option<?>> options, List<Option<?>> named) {
    checkKeys(file, options);
    Config whole = ConfigFiles.part(file, part);
    for (Option<?> each : named) {
      Set<String> known = ConfigFiles.part(whole, each.name()).root().keySet();
      Config quick = ConfigFiles.part(ConfigFiles.part(file, NAME), each.name());
      quick
          .root()
          .forEach(
              (name, value) -> {
                if (!known.contains(name)) {
                  String below = "." + each.name();
                  throw new ConfigException(
                      value.origin(),
                      NAME + below + "." + name,
                      Names.unknown("name", name, known.stream().sorted().toList())
                          + "; "
                          + NAME
                          + " overrides what stands in "
                          + part
                          + below);
                }
              });
    }
  }

  private static void checkKeys(Config file, List<Option<?>> options) {
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
   * Reads a file as it would be read if {@value #NAME} counted, and throws what is wrong in there.
   * Overrides are left out, as they may fit only what is not quick; a mistake elsewhere in the file
   * is not thrown, as it may be what they mend, nor one of which nobody knows where it stands, such
   * as a component that cannot be created.
   *
   * @param reading reads the configuration with {@value #NAME}
   * @throws ConfigException for the first mistake that stands in {@value #NAME}
   */
  public static void check(Path file, Consumer<Config> reading) {
    Config config = ConfigFactory.empty();
    try {
      config = ConfigFiles.load(file, List.of());
      reading.accept(config);
    } catch (RuntimeException e) {
      ConfigObject quick = ConfigFiles.part(config, NAME).root();
      if (e instanceof ConfigException mistake
          && mistake.origin().filter(place -> origins(quick).anyMatch(place::equals)).isPresent()) {
        throw mistake;
      }
    }
  }

  private static Stream<ConfigOrigin> origins(ConfigValue value) {
    Stream<ConfigValue> below =
        value instanceof ConfigObject object
            ? object.keySet().stream().map(object::get) // values() has one of equal ones
            : value instanceof ConfigList list ? list.stream() : Stream.of();
    return Stream.concat(Stream.of(value.origin()), below.flatMap(QuickPart::origins));
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
