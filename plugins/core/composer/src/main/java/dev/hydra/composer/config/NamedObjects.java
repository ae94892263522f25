package dev.hydra.composer.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** Objects of a configuration by names that its author gives them, at least one. */
public final class NamedObjects {
  private NamedObjects() {}

  /**
   * Reads them in the order of the file; those that only the command line has come last. One that
   * is null is left out.
   *
   * @param config the object that holds them under the option's name
   * @param written the same as it stands in the file, without what {@code quick} overrides: an
   *     object of HOCON has no order, but lines have
   * @param settings what was read of {@code config}, for messages
   * @throws ConfigException if there is none, or something else than an object
   */
  public static Map<String, Config> read(
      Config config, Config written, Settings settings, Option<?> option) {
    Config lines = ConfigFiles.part(written, option.name());
    Map<String, ConfigValue> sorted = new TreeMap<>(ConfigFiles.part(config, option.name()).root());
    Map<String, Config> all = new LinkedHashMap<>();
    sorted.entrySet().stream()
        .filter(entry -> entry.getValue().valueType() != ConfigValueType.NULL)
        .sorted(Comparator.comparing(entry -> line(lines, entry)))
        .forEach(
            entry -> {
              if (!(entry.getValue() instanceof ConfigObject object)) {
                throw new ConfigException(
                    entry.getValue().origin(),
                    settings.at(option.name()) + "." + entry.getKey(),
                    "must be an object");
              }
              all.put(entry.getKey(), object.toConfig());
            });
    if (all.isEmpty()) {
      throw settings.invalid(option, "is required: an object of objects, by their names");
    }
    return all;
  }

  private static int line(Config lines, Map.Entry<String, ConfigValue> entry) {
    int line = lines.root().getOrDefault(entry.getKey(), entry.getValue()).origin().lineNumber();
    return line < 0 ? Integer.MAX_VALUE : line;
  }
}
