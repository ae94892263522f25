package dev.hydra.api;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigUtil;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A plugin that a configuration has chosen, with its options read and checked.
 *
 * @param registration the plugin
 * @param factory its factory
 * @param settings the values of its options, and of those beside them
 * @param <F> the kind
 */
public record Choice<F>(Registration registration, F factory, Settings settings) {
  /**
   * Reads an object of its own: {@code { type = NAME, OPTION = ... }}; see {@link Option#plugin}.
   *
   * @param path where the object stands, for messages
   * @throws ConfigException if it holds anything wrong
   */
  public static <F> Choice<F> of(
      PluginRegistry plugins, Class<F> kind, String path, Config config) {
    Registration chosen = plugins.of(kind).require(config, path);
    Settings settings = Settings.read(path, config, chosen.factory().options(), "type");
    return new Choice<>(chosen, chosen.as(kind), settings);
  }

  /**
   * Reads an object in which the options of the plugin stand beside others.
   *
   * @param path where the object stands, for messages
   * @param key the option that names the plugin
   * @param common the other options, the key not among them
   * @throws ConfigException if it holds anything wrong, or the plugin has an option of the name of
   *     another one
   */
  public static <F> Choice<F> beside(
      PluginRegistry plugins,
      Class<F> kind,
      String path,
      Config config,
      Option<String> key,
      List<Option<?>> common) {
    String quoted = ConfigUtil.joinPath(key.name());
    Settings named = Settings.read(path, config.withOnlyPath(quoted), List.of(key));
    ConfigOrigin origin = named.isSet(key) ? config.getValue(quoted).origin() : config.origin();
    Candidates candidates = plugins.of(kind);
    Registration chosen = candidates.require(named.get(key), origin, named.at(key.name()));
    List<Option<?>> all = new ArrayList<>(common);
    all.add(key);
    Set<String> taken = all.stream().map(Option::name).collect(Collectors.toSet());
    for (Option<?> own : chosen.factory().options()) {
      if (!taken.add(own.name())) {
        throw new ConfigException(
            origin,
            named.at(key.name()),
            candidates.what()
                + " "
                + chosen.type()
                + " of "
                + chosen.plugin()
                + " cannot be used: its option "
                + own.name()
                + " has a name that is taken");
      }
      all.add(own);
    }
    return new Choice<>(chosen, chosen.as(kind), Settings.read(path, config, all));
  }

  /**
   * Calls the factory, so that a failure names the plugin.
   *
   * @throws ConfigException if the factory does
   * @throws IllegalStateException if it throws anything else
   */
  public <T> T create(Function<F, T> call) {
    try {
      return call.apply(factory);
    } catch (ConfigException e) {
      throw e;
    } catch (RuntimeException | LinkageError e) {
      throw new IllegalStateException(
          registration.kind().name()
              + " "
              + registration.type()
              + " of "
              + registration.plugin()
              + " cannot be created: "
              + e,
          e);
    }
  }
}
