package dev.hydra.api;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The checked values of a list of {@link Option}s, read from one configuration object. */
public final class Settings {
  private final String path;
  private final Config config;
  private final Map<Option<?>, Object> values = new HashMap<>();

  private Settings(String path, Config config) {
    this.path = path;
    this.config = config;
  }

  /**
   * Reads an object and checks it.
   *
   * @param path where the object stands, for messages
   * @param config the object
   * @param options what it may hold
   * @param ignored keys that somebody else reads
   * @throws ConfigException for an unknown key (with the nearest known one), a missing value, or
   *     one of the wrong type or outside its range
   */
  public static Settings read(
      String path, Config config, Collection<Option<?>> options, String... ignored) {
    Settings settings = new Settings(path, config);
    TreeSet<String> known =
        options.stream().map(Option::name).collect(Collectors.toCollection(TreeSet::new));
    known.addAll(List.of(ignored));
    for (Map.Entry<String, ConfigValue> entry : config.root().entrySet()) {
      String key = entry.getKey();
      if (!known.contains(key)) {
        throw new ConfigException(
            entry.getValue().origin(), settings.at(key), Names.unknown("key", key, known), true);
      }
    }
    for (Option<?> option : options) {
      settings.values.put(option, settings.value(option));
    }
    return settings;
  }

  private Object value(Option<?> option) {
    String key = ConfigUtil.joinPath(option.name());
    if (!config.hasPath(key)) {
      Optional<?> absent = option.absent();
      if (absent.isEmpty()) {
        throw required(option);
      }
      return absent.get();
    }
    ConfigValue value = config.getValue(key);
    try {
      return option.read(value);
    } catch (Option.Unreadable e) {
      throw new ConfigException(value.origin(), at(option.name()), e.problem, true);
    }
  }

  private ConfigException required(Option<?> option) {
    String wanted = option.type() + ", " + option.doc();
    ConfigValue written = config.root().get(option.name());
    return written == null
        ? invalid(option, "is required: " + wanted)
        : new ConfigException(
            written.origin(),
            at(option.name()),
            "is null, which leaves it out, but it is required: "
                + wanted
                + "; write a value in the place of null",
            true);
  }

  /**
   * Returns the value of an option.
   *
   * @throws IllegalArgumentException if the option was not among those read: a programming error
   */
  @SuppressWarnings("unchecked") // put there by value(), with the option's own type
  public <T> T get(Option<T> option) {
    Object value = values.get(option);
    if (value == null) {
      throw new IllegalArgumentException(option.name() + " is not an option of " + path);
    }
    return (T) value;
  }

  /** Says whether the configuration sets the option rather than leaving it to its default. */
  public boolean isSet(Option<?> option) {
    return config.hasPath(ConfigUtil.joinPath(option.name()));
  }

  /** Returns the path of an option, for messages. */
  public String at(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  /** Returns an error about an option, with file and line, to throw. */
  public ConfigException invalid(Option<?> option, String problem) {
    ConfigOrigin origin =
        isSet(option)
            ? config.getValue(ConfigUtil.joinPath(option.name())).origin()
            : config.origin();
    return new ConfigException(origin, at(option.name()), problem);
  }
}
