package dev.hydra.cli.plugins;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.PluginId;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/**
 * The component types that the running bundles offer: of several versions of one plugin the newest,
 * but where a site is said to need another one, that.
 *
 * @param context of the bundle that uses them
 * @param sites the plugins that sites need, by their paths
 */
public record OsgiComponents(BundleContext context, Map<SitePath, PluginId> sites)
    implements Components {
  /** Ends the location of a bundle whose jar was added later. */
  private static final Pattern HASH = Pattern.compile("#sha256=([0-9a-f]{64})$");

  /** A component type and the bundle that it comes from. */
  private record Offer(Bundle bundle, Registration registration) {}

  @Override
  public List<Registration> all() {
    return firstOfEach(offers());
  }

  @Override
  public Components at(SitePath site) {
    return Optional.ofNullable(sites.get(site))
        .<Components>map(plugin -> () -> preferring(plugin))
        .orElse(this);
  }

  /** What one version of a plugin offers, and all else: other versions and other plugins. */
  private List<Registration> preferring(PluginId plugin) {
    List<Registration> chosen = new ArrayList<>();
    Set<String> offered = new HashSet<>();
    for (Offer offer : offers()) {
      if (offer.registration().plugin().equals(plugin)) {
        chosen.add(offer.registration());
        offered.add(kind(offer.registration()));
      }
    }
    all().stream().filter(each -> !offered.contains(kind(each))).forEach(chosen::add);
    return chosen;
  }

  private static String kind(Registration registration) {
    return registration.factory().role() + " " + registration.type();
  }

  private static List<Registration> firstOfEach(List<Offer> offers) {
    List<Registration> chosen = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (Offer offer : offers) {
      Registration each = offer.registration();
      if (seen.add(each.plugin().name() + " " + kind(each))) {
        chosen.add(each);
      }
    }
    return chosen;
  }

  /** All of them, newest versions first, and of equal ones the last that was installed. */
  private List<Offer> offers() {
    List<Offer> offers = new ArrayList<>();
    for (ServiceReference<?> reference : references()) {
      Bundle bundle = reference.getBundle();
      if (bundle != null) { // else it has just been taken away
        registration(context, reference).ifPresent(each -> offers.add(new Offer(bundle, each)));
      }
    }
    offers.sort(
        Comparator.comparing((Offer each) -> each.bundle().getVersion())
            .thenComparing(each -> each.bundle().getBundleId())
            .reversed());
    return offers;
  }

  /** The component type of a service; empty if it is none, or unregistered meanwhile. */
  static Optional<Registration> registration(BundleContext context, ServiceReference<?> reference) {
    return context.getService(reference) instanceof ComponentFactory<?> factory
        ? Optional.of(
            new Registration(
                (String) reference.getProperty("hydra.type"),
                factory,
                plugin(reference.getBundle())))
        : Optional.empty();
  }

  /** The plugin that a bundle is. */
  static PluginId plugin(Bundle bundle) {
    return new PluginId(bundle.getSymbolicName(), bundle.getVersion().toString(), hash(bundle));
  }

  /** The SHA-256 of a jar that was added later. */
  static Optional<String> hash(Bundle bundle) {
    Matcher matcher = HASH.matcher(bundle.getLocation());
    return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
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
