package dev.hydra.composer.model;

import com.typesafe.config.Config;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Names;
import dev.hydra.api.PluginId;
import dev.hydra.api.Role;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;

/** The component types that there are, wherever they come from. */
@FunctionalInterface
public interface Components {
  /**
   * A component type.
   *
   * @param type the name under which configurations ask for it
   * @param factory what creates it
   * @param plugin the plugin that it came from
   */
  record Registration(String type, ComponentFactory<?> factory, PluginId plugin) {
    /** A factory outside OSGi: its module, or the class path, is its plugin. */
    public static Registration of(ComponentFactory<?> factory) {
      Class<?> implementation = factory.getClass();
      HydraPlugin plugin = implementation.getAnnotation(HydraPlugin.class);
      if (plugin == null) {
        throw new IllegalArgumentException(implementation + " lacks @HydraPlugin");
      }
      Module module = implementation.getModule();
      return new Registration(
          plugin.value(),
          factory,
          PluginId.of(
              Optional.ofNullable(module.getName()).orElse(implementation.getPackageName()),
              Optional.ofNullable(module.getDescriptor())
                  .flatMap(descriptor -> descriptor.rawVersion())
                  .orElse("unversioned")));
    }
  }

  /** All of them, at this moment. */
  List<Registration> all();

  /**
   * Those that one site chooses from: where there are several versions of a plugin, it may need
   * another one than the rest.
   *
   * @param site its path in the model
   */
  default Components at(SitePath site) {
    return this;
  }

  /** Just these. */
  public static Components of(ComponentFactory<?>... factories) {
    List<Registration> all = Arrays.stream(factories).map(Registration::of).toList();
    return () -> all;
  }

  /** Those that {@link ServiceLoader} finds: the plain class path or module path. */
  @SuppressWarnings("rawtypes") // a service type has no parameters
  static Components load(ClassLoader loader) {
    // Said here because the generated module descriptor has no "uses"; without effect elsewhere.
    Components.class.getModule().addUses(ComponentFactory.class);
    List<Registration> all = new ArrayList<>();
    for (ComponentFactory factory : ServiceLoader.load(ComponentFactory.class, loader)) {
      all.add(Registration.of(factory));
    }
    return () -> List.copyOf(all);
  }

  /**
   * The component type that a configuration asks for.
   *
   * @param path where the configuration stands, for messages
   * @throws ConfigException if it has no {@code type}, or one that no plugin offers, or several
   */
  default Registration require(Role role, Config config, String path) {
    List<Registration> candidates =
        all().stream().filter(each -> each.factory().role() == role).toList();
    List<String> types = candidates.stream().map(Registration::type).sorted().distinct().toList();
    if (!config.hasPath("type")) {
      throw new ConfigException(
          config.origin(), path, "needs a type, one of: " + String.join(", ", types));
    }
    String type = config.getValue("type").unwrapped().toString();
    List<Registration> matches =
        candidates.stream().filter(each -> each.type().equals(type)).toList();
    if (matches.size() == 1) {
      return matches.get(0);
    }
    String problem =
        matches.isEmpty()
            ? Names.unknown(role.key() + " type", type, types)
            : "several plugins offer the "
                + role.key()
                + " type "
                + type
                + "; keep one of them: "
                + matches.stream().map(Registration::plugin).toList();
    throw new ConfigException(config.getValue("type").origin(), path + ".type", problem);
  }
}
