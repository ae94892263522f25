package dev.hydra.api;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.osgi.annotation.bundle.Capability;
import org.osgi.annotation.bundle.Requirement;

/**
 * Registers a {@link Factory} of any {@linkplain Kind kind}, which is that of the interface that
 * the class implements: this annotation on the class is all that a plugin needs. The bnd build
 * plugin turns it into an OSGi capability, a JPMS {@code provides} and a {@code META-INF/services}
 * entry.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Capability(
    namespace = "osgi.serviceloader",
    name = HydraPlugin.SERVICE,
    attribute = {"register:='${@class}'", "hydra.type='${#value}'"})
@Requirement(namespace = "osgi.extender", name = HydraPlugin.EXTENDER, version = "1.0.0")
public @interface HydraPlugin {
  /** The extender that a Hydra host offers and every plugin bundle requires. */
  String EXTENDER = "dev.hydra.plugin";

  /** The service type of all plugins: the name of {@link Factory}. */
  String SERVICE = "dev.hydra.api.Factory";

  /** Names the plugin in configurations, such as {@code mamba2}. */
  String value();
}
