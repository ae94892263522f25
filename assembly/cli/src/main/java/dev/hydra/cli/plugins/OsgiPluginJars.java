package dev.hydra.cli.plugins;

import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** Plugins through the service {@code hydra.installer} of the launcher. */
public record OsgiPluginJars(BundleContext context) implements PluginJars {
  private static final String REFERENCE = "reference:";

  @Override
  public List<Registration> add(Path jar) throws IOException {
    Bundle bundle;
    try {
      bundle = installer().apply(jar);
    } catch (UncheckedIOException e) {
      throw new IOException(Objects.requireNonNull(e.getCause()).getMessage(), e);
    }
    List<Registration> offered = offered(bundle);
    if (offered.isEmpty()) {
      uninstall(bundle);
      throw new IOException("plugin " + jar + " offers nothing that can be used");
    }
    return offered;
  }

  @Override
  public List<Registration> of(String label) {
    return bundles(label).flatMap(bundle -> offered(bundle).stream()).toList();
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

  private Stream<Bundle> bundles(String label) {
    return Arrays.stream(context.getBundles())
        .filter(bundle -> OsgiComponents.label(bundle).equals(label));
  }

  @Override
  public Path jar(String label) throws IOException {
    return bundles(label)
        .map(OsgiPluginJars::file)
        .filter(Files::isRegularFile)
        .findFirst()
        .orElseThrow(() -> new IOException("there is no jar of plugin " + label));
  }

  @Override
  public void remove(String label) throws IOException {
    for (Bundle bundle : bundles(label).toList()) {
      uninstall(bundle);
    }
  }

  private static void uninstall(Bundle bundle) throws IOException {
    try {
      bundle.uninstall(); // stops it first
    } catch (BundleException e) {
      throw new IOException(
          "plugin " + OsgiComponents.label(bundle) + " cannot be removed: " + e, e);
    }
  }

  @Override
  public Map<String, String> hashes() throws IOException {
    Map<String, String> hashes = new HashMap<>();
    for (Bundle bundle : context.getBundles()) {
      if (bundle.getBundleId() != 0) {
        Optional<String> known = OsgiComponents.hash(bundle);
        Path jar = file(bundle);
        if (known.isPresent()) {
          hashes.put(known.get(), OsgiComponents.label(bundle));
        } else if (Files.isRegularFile(jar)) {
          hashes.put(RunPlugins.sha256(Files.readAllBytes(jar)), OsgiComponents.label(bundle));
        }
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
  public Components components(Map<String, String> sites) {
    return new OsgiComponents(context, sites);
  }

  @SuppressWarnings({"unchecked", "rawtypes"}) // the property stands for the type arguments
  private Function<Path, Bundle> installer() {
    try {
      return context.getServiceReferences(Function.class, "(hydra.installer=true)").stream()
          .findFirst()
          .map(reference -> (Function<Path, Bundle>) context.getService(reference))
          .orElseThrow(() -> new IllegalStateException("the launcher offers no installer"));
    } catch (InvalidSyntaxException e) {
      throw new AssertionError(e);
    }
  }
}
