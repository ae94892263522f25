package dev.hydra.cli.plugins;

import dev.hydra.api.PluginId;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.api.host.PluginInstaller;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.io.Sha256;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.ServiceReference;

/** Adds plugins through the launcher, and finds and removes them in the OSGi framework. */
public record OsgiPluginJars(BundleContext context) implements PluginJars {
  private static final String REFERENCE = "reference:";

  @Override
  public List<Registration> add(Path jar) throws IOException {
    PluginId plugin = installer().install(jar, hash(jar));
    List<Registration> offered = of(plugin);
    if (offered.isEmpty()) {
      remove(plugin);
      throw new IOException("plugin " + jar + " offers nothing that can be used");
    }
    return offered;
  }

  private static String hash(Path jar) throws IOException {
    try {
      return Sha256.of(jar);
    } catch (IOException e) {
      throw new IOException("plugin " + jar + " cannot be read: " + e, e);
    }
  }

  @Override
  public List<Registration> of(PluginId plugin) {
    return bundles(plugin).flatMap(bundle -> offered(bundle).stream()).toList();
  }

  private List<Registration> offered(Bundle bundle) {
    ServiceReference<?>[] services = bundle.getRegisteredServices();
    return services == null
        ? List.of()
        : Arrays.stream(services)
            .map(reference -> OsgiComponents.registration(context, reference))
            .flatMap(Optional::stream)
            .toList();
  }

  private Stream<Bundle> bundles(PluginId plugin) {
    return bundles().filter(bundle -> OsgiComponents.plugin(bundle).equals(plugin));
  }

  /** All but the framework itself, and without jars that are no bundles and about to be refused. */
  private Stream<Bundle> bundles() {
    return Arrays.stream(context.getBundles())
        .filter(bundle -> bundle.getBundleId() != 0 && bundle.getSymbolicName() != null);
  }

  @Override
  public Path jar(PluginId plugin) throws IOException {
    return bundles(plugin)
        .map(OsgiPluginJars::file)
        .filter(Files::isRegularFile)
        .findFirst()
        .orElseThrow(() -> new IOException("there is no jar of plugin " + plugin));
  }

  @Override
  public void remove(PluginId plugin) throws IOException {
    for (Bundle bundle : bundles(plugin).toList()) {
      uninstall(bundle);
    }
  }

  private static void uninstall(Bundle bundle) throws IOException {
    try {
      bundle.uninstall(); // stops it first
    } catch (BundleException e) {
      throw new IOException(
          "plugin " + OsgiComponents.plugin(bundle) + " cannot be removed: " + e, e);
    }
  }

  @Override
  public Map<String, PluginId> hashes() throws IOException {
    Map<String, PluginId> hashes = new HashMap<>();
    for (Bundle bundle : bundles().toList()) {
      Optional<String> known = OsgiComponents.hash(bundle);
      Path jar = file(bundle);
      if (known.isPresent()) {
        hashes.put(known.get(), OsgiComponents.plugin(bundle));
      } else if (Files.isRegularFile(jar)) {
        hashes.put(Sha256.of(jar), OsgiComponents.plugin(bundle));
      }
    }
    return hashes;
  }

  private static Path file(Bundle bundle) {
    String location = bundle.getLocation();
    return location.startsWith(REFERENCE)
        ? Path.of(URI.create(location.substring(REFERENCE.length())))
        : Path.of(location);
  }

  @Override
  public PluginRegistry registry() {
    return new OsgiPlugins(context);
  }

  @Override
  public Components components(Map<SitePath, PluginId> sites) {
    return new OsgiComponents(context, sites);
  }

  private PluginInstaller installer() {
    return Optional.ofNullable(context.getServiceReference(PluginInstaller.class))
        .map(context::getService)
        .orElseThrow(() -> new IllegalStateException("the launcher offers no plugin installer"));
  }
}
