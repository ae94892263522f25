package dev.hydra.api;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks an interface that extends {@link Factory} as a kind of plugins. It stands in the module
 * that uses such plugins, in an exported package.
 */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface FactoryKind {
  /** Names the plugins of the kind in messages, such as {@code schedule}. */
  String value();
}
