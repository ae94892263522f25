package dev.hydra.cli.plugins;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Factory;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
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

  @Override
  public List<Registration> all() {
    return Components.of(plugins()).all();
  }

  private OsgiPlugins plugins() {
    return new OsgiPlugins(context);
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
    for (OsgiPlugins.Offer offer : plugins().offers(ComponentFactory.class)) {
      if (offer.registration().plugin().equals(plugin)) {
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
}
