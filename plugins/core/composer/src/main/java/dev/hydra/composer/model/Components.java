package dev.hydra.composer.model;

import com.typesafe.config.Config;
import dev.hydra.api.Candidates;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.composer.spec.SitePath;
import java.util.List;

/** The component types that there are, wherever they come from. */
@FunctionalInterface
public interface Components {
  /** Returns all of them, at this moment; factories are {@link ComponentFactory}s. */
  List<Registration> all();

  /**
   * Returns those that one site chooses from: where there are several versions of a plugin, it may
   * need another one than the rest.
   *
   * @param site its path in the model
   */
  default Components at(SitePath site) {
    return this;
  }

  /** Returns the component types of these factories only. */
  static Components of(ComponentFactory<?>... factories) {
    return of(PluginRegistry.of(factories));
  }

  /** Returns the component types among plugins of every kind. */
  static Components of(PluginRegistry plugins) {
    return () -> plugins.of(ComponentFactory.class).all();
  }

  /** Returns the factory of a component type. */
  static ComponentFactory<?> factory(Registration registration) {
    return registration.as(ComponentFactory.class);
  }

  /** Returns those of one role. */
  default Candidates of(Role role) {
    return new Candidates(
        role.key() + " type", all().stream().filter(each -> factory(each).role() == role).toList());
  }

  /**
   * Finds the component type that a configuration asks for.
   *
   * @param path where the configuration stands, for messages
   * @throws ConfigException if it has no {@code type}, or one that no plugin offers, or several
   */
  default Registration require(Role role, Config config, String path) {
    return of(role).require(config, path);
  }
}
