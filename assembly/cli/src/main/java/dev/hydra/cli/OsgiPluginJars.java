package dev.hydra.cli;

import dev.hydra.composer.Components.Registration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** Plugins through the service {@code hydra.installer} of the launcher. */
record OsgiPluginJars(BundleContext context) implements PluginJars {
  @Override
  public List<Registration> add(Path jar) throws IOException {
    Bundle bundle;
    try {
      bundle = installer().apply(jar);
    } catch (UncheckedIOException e) {
      throw new IOException(e.getMessage(), e);
    }
    ServiceReference<?>[] offered = bundle.getRegisteredServices();
    List<Registration> components =
        offered == null
            ? List.of()
            : Arrays.stream(offered)
                .map(reference -> OsgiComponents.registration(context, reference))
                .filter(Objects::nonNull)
                .toList();
    if (components.isEmpty()) {
      throw new IOException("plugin " + jar + " offers no component that can be used");
    }
    return components;
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
