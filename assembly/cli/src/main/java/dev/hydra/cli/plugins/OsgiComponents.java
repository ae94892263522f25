package dev.hydra.cli.plugins;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Factory;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/**
 * The component types that the running bundles offer: of several versions of one plugin the newest,
 * but where a site is said to need another one, that.
 *
 * @param context of the bundle that uses them
 * @param sites the plugin, {@code name version}, by the path of the site
 */
public record OsgiComponents(BundleContext context, Map<String, String> sites)
    implements Components {
  /** What the location of a bundle has before the SHA-256 of a jar that was added later. */
  private static final String HASH = "#sha256=";

  private static final int SHOWN_DIGITS = 12;

  @Override
  public List<Registration> all() {
    return Components.of(plugins()).all();
  }

  private OsgiPlugins plugins() {
    return new OsgiPlugins(context);
  }

  @Override
  public Components at(String site) {
    return sites.containsKey(site) ? () -> preferring(sites.getOrDefault(site, "")) : this;
  }

  /** What one version of a plugin offers, and all else: other versions and other plugins. */
  private List<Registration> preferring(String label) {
    List<Registration> chosen = new ArrayList<>();
    Set<String> offered = new HashSet<>();
    for (OsgiPlugins.Offer offer : plugins().offers(ComponentFactory.class)) {
      if (label.equals(label(offer.bundle()))) {
        chosen.add(offer.registration());
        offered.add(OsgiPlugins.choice(offer.registration()));
      }
    }
    all().stream().filter(each -> !offered.contains(OsgiPlugins.choice(each))).forEach(chosen::add);
    return chosen;
  }

  /** What a service registers; empty if it is not a factory, or unregistered meanwhile. */
  static Optional<Registration> registration(BundleContext context, ServiceReference<?> reference) {
    return context.getService(reference) instanceof Factory<?, ?> factory
        ? Optional.of(
            new Registration(
                (String) reference.getProperty("hydra.type"),
                factory,
                reference.getBundle().getSymbolicName(),
                version(reference.getBundle())))
        : Optional.empty();
  }

  /** Name and version of a bundle. */
  static String label(Bundle bundle) {
    return bundle.getSymbolicName() + " " + version(bundle);
  }

  /** The version; that of a jar that was added later has the beginning of its SHA-256. */
  private static String version(Bundle bundle) {
    String version = bundle.getVersion().toString();
    return hash(bundle).map(hash -> version(version, hash)).orElse(version);
  }

  /** A version with the beginning of the SHA-256 of its jar. */
  static String version(String version, String hash) {
    return version + "+" + hash.substring(0, SHOWN_DIGITS);
  }

  /** The SHA-256 of a jar that was added later. */
  static Optional<String> hash(Bundle bundle) {
    String location = bundle.getLocation();
    int at = location.lastIndexOf(HASH);
    return at < 0 ? Optional.empty() : Optional.of(location.substring(at + HASH.length()));
  }
}
