package dev.hydra.cli.plugins;

import dev.hydra.api.Factory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/**
 * What the running bundles offer, of every kind: of several versions of one plugin the newest.
 *
 * @param context of the bundle that uses them
 */
public record OsgiPlugins(BundleContext context) implements PluginRegistry {
  /** A registration and the bundle that it comes from. */
  record Offer(Bundle bundle, Registration registration) {}

  @Override
  public List<Registration> all() {
    List<Registration> chosen = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (Offer offer : offers(Factory.class)) {
      Registration each = offer.registration();
      if (seen.add(each.plugin() + " " + choice(each))) {
        chosen.add(each);
      }
    }
    return chosen;
  }

  /** What a configuration says to choose it. */
  static String choice(Registration registration) {
    return registration.category() + " " + registration.type();
  }

  /**
   * All versions, newest first, and of equal ones the last that was installed.
   *
   * @param service the service type: any factory, or one kind
   */
  List<Offer> offers(Class<?> service) {
    List<Offer> offers = new ArrayList<>();
    for (ServiceReference<?> reference : references(service)) {
      Bundle bundle = reference.getBundle();
      if (bundle != null) { // else it has just been taken away
        OsgiComponents.registration(context, reference)
            .ifPresent(each -> offers.add(new Offer(bundle, each)));
      }
    }
    offers.sort(
        Comparator.comparing((Offer each) -> each.bundle().getVersion())
            .thenComparing(each -> each.bundle().getBundleId())
            .reversed());
    return offers;
  }

  private ServiceReference<?>[] references(Class<?> service) {
    try {
      ServiceReference<?>[] found = context.getServiceReferences(service.getName(), null);
      return found == null ? new ServiceReference<?>[0] : found;
    } catch (InvalidSyntaxException e) {
      throw new IllegalStateException("there is no filter to be wrong", e);
    }
  }
}
