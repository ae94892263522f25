package dev.hydra.api;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigOrigin;
import java.util.List;

/**
 * The plugins that a name in a configuration may mean.
 *
 * @param what they are called in messages, such as {@code schedule} or {@code mixer type}
 * @param all the plugins
 */
public record Candidates(String what, List<Registration> all) {
  /** Copies the list. */
  public Candidates {
    all = List.copyOf(all);
  }

  /** Returns their names, sorted. */
  public List<String> names() {
    return all.stream().map(Registration::type).sorted().distinct().toList();
  }

  /**
   * Finds the plugin of a name.
   *
   * @param origin where the name stands, for messages
   * @param path the key of the name, for messages
   * @throws ConfigException if no plugin has the name, with the nearest ones, or several have it
   */
  public Registration require(String name, ConfigOrigin origin, String path) {
    List<Registration> matches = all.stream().filter(each -> each.type().equals(name)).toList();
    if (matches.size() == 1) {
      return matches.get(0);
    }
    String problem =
        matches.isEmpty()
            ? Names.unknown(what, name, names())
            : "several plugins offer the "
                + what
                + " "
                + name
                + "; keep one of them: "
                + matches.stream().map(Registration::plugin).toList();
    throw new ConfigException(origin, path, problem, true);
  }

  /**
   * Finds the plugin that an object names by its key {@code type}.
   *
   * @param path where the object stands, for messages
   * @throws ConfigException if it has no {@code type}, or one that not exactly one plugin offers
   */
  public Registration require(Config config, String path) {
    if (!config.hasPath("type")) {
      throw new ConfigException(
          config.origin(), path, "needs a type, one of: " + String.join(", ", names()));
    }
    var type = config.getValue("type");
    return require(String.valueOf(type.unwrapped()), type.origin(), path + ".type");
  }
}
