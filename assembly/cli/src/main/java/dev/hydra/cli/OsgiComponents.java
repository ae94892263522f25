package dev.hydra.cli;

import dev.hydra.api.ComponentFactory;
import dev.hydra.composer.Components;
import java.util.ArrayList;
import java.util.List;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** The component types that the running bundles offer. */
record OsgiComponents(BundleContext context) implements Components {
  @Override
  public List<Registration> all() {
    List<Registration> all = new ArrayList<>();
    for (ServiceReference<?> reference : references()) {
      Object factory = context.getService(reference);
      if (factory != null) { // null: unregistered meanwhile
        all.add(
            new Registration(
                (String) reference.getProperty("hydra.type"),
                (ComponentFactory<?>) factory,
                reference.getBundle().getSymbolicName(),
                reference.getBundle().getVersion().toString()));
      }
    }
    return all;
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
