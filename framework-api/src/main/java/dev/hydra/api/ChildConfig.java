package dev.hydra.api;

import com.typesafe.config.Config;

/**
 * A nested component as configured: the value of an {@link Option#component} option.
 *
 * @param role the role of the child
 * @param config its configuration, {@code type} included
 * @param <C> the interface of the role
 */
@SuppressWarnings("UnusedTypeParameter") // ties the option to the type that Site.child returns
public record ChildConfig<C>(Role role, Config config) {}
