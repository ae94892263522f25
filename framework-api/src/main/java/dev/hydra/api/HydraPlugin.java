package dev.hydra.api;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.osgi.annotation.bundle.Capability;
import org.osgi.annotation.bundle.Requirement;

/**
 * Registers a {@link ComponentFactory}: this annotation on the class is all that a plugin needs.
 * The bnd build plugin turns it into an OSGi capability, a JPMS {@code provides} and a {@code
 * META-INF/services} entry.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Capability(
    namespace = "osgi.serviceloader",
    name = "dev.hydra.api.ComponentFactory",
    attribute = {"register:='${@class}'", "hydra.type='${#value}'"})
@Requirement(namespace = "osgi.extender", name = HydraPlugin.EXTENDER, version = "1.0.0")
public @interface HydraPlugin {
  /** The extender that a Hydra host offers and every plugin bundle requires. */
  String EXTENDER = "dev.hydra.plugin";

  /** The {@code type} under which configurations name the component, such as {@code mamba2}. */
  String value();
}
