package dev.hydra.cli;

import dev.hydra.api.ComponentFactory;
import dev.hydra.composer.Components;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** The component types that the running bundles offer. */
record OsgiComponents(BundleContext context) implements Components {
  @Override
  public List<Registration> all() {
    List<Registration> all = new ArrayList<>();
    for (ServiceReference<?> reference : references()) {
      Registration registration = registration(context, reference);
      if (registration != null) {
        all.add(registration);
      }
    }
    return all;
  }

  /** The component type of a service; null if it is none, or unregistered meanwhile. */
  static @Nullable Registration registration(BundleContext context, ServiceReference<?> reference) {
    return context.getService(reference) instanceof ComponentFactory<?> factory
        ? new Registration(
            (String) reference.getProperty("hydra.type"),
            factory,
            reference.getBundle().getSymbolicName(),
            reference.getBundle().getVersion().toString())
        : null;
  }

  private ServiceReference<?>[] references() {
    try {
      ServiceReference<?>[] found =
          context.getServiceReferences(ComponentFactory.class.getName(), null);
      return found == null ? new ServiceReference<?>[0] : found;
    } catch (InvalidSyntaxException e) {
      throw new IllegalStateException("there is no filter to be wrong", e);
    }
  }
}
