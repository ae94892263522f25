package dev.hydra.api;

import java.util.Optional;

/**
 * A factory that a plugin has registered.
 *
 * @param type the name under which configurations ask for it
 * @param factory what creates it
 * @param plugin the plugin (bundle or module) that it came from
 */
public record Registration(String type, Factory<?, ?> factory, PluginId plugin) {
  /**
   * Registers a factory outside OSGi: its module, or the class path, is its plugin.
   *
   * @throws IllegalArgumentException if its class lacks {@link HydraPlugin} or is of no known kind
   */
  public static Registration of(Factory<?, ?> factory) {
    Class<?> implementation = factory.getClass();
    HydraPlugin plugin = implementation.getAnnotation(HydraPlugin.class);
    if (plugin == null) {
      throw new IllegalArgumentException(implementation + " lacks @HydraPlugin");
    }
    Kind.of(implementation);
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

  /** Returns the kind of its factory. */
  public Kind kind() {
    return Kind.of(factory.getClass());
  }

  /** Returns its category in a configuration: the role of a component, or else its kind. */
  public String category() {
    return factory instanceof ComponentFactory<?> components
        ? components.role().key()
        : kind().name();
  }

  /**
   * Returns the factory as one of its kind.
   *
   * @throws ClassCastException if it is of another kind: a programming error
   */
  public <F> F as(Class<F> kind) {
    return kind.cast(factory);
  }
}
