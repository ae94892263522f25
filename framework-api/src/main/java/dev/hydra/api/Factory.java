package dev.hydra.api;

import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Creates what a configuration chooses by a name. Plugins implement the interface of a {@linkplain
 * Kind kind}, such as {@link ComponentFactory}, and register the class with {@link HydraPlugin}; it
 * needs a public constructor without parameters and must not keep state between calls.
 *
 * @param <S> what it is created from: the options as configured, and what else the kind gives
 * @param <T> what is created
 */
@ConsumerType
public interface Factory<S, T> {
  /** Returns the options that a configuration may set, besides the name of the plugin itself. */
  List<Option<?>> options();

  /**
   * Creates an instance.
   *
   * @throws ConfigException if options contradict each other or what they are for
   */
  T create(S from);
}
