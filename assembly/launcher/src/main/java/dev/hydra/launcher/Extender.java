package dev.hydra.launcher;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.HydraPlugin;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.SynchronousBundleListener;
import org.osgi.framework.wiring.BundleCapability;
import org.osgi.framework.wiring.BundleWiring;

/**
 * Offers the component factories of plugins as services: every class that {@link HydraPlugin} has
 * put into a bundle's capabilities, from when the bundle has started. The service belongs to the
 * bundle and so ends with it. It carries {@code hydra.type}, {@code hydra.bundle} (symbolic name)
 * and {@code hydra.version}.
 */
final class Extender implements SynchronousBundleListener {
  private static final String EXTENDER = "osgi.extender";
  private static final String PROVIDER = "osgi.serviceloader";
  private static final String PROVIDER_CLASS = "register";

  private final Consumer<String> warnings;

  /**
   * Creates one, to be added to a framework before its plugins start.
   *
   * @param warnings takes one line for each factory that cannot be used
   */
  Extender(Consumer<String> warnings) {
    this.warnings = warnings;
  }

  @Override
  public void bundleChanged(BundleEvent event) {
    Bundle bundle = event.getBundle();
    if (event.getType() == BundleEvent.STARTED && isPlugin(bundle)) {
      for (BundleCapability provider : wiring(bundle).getCapabilities(PROVIDER)) {
        if (ComponentFactory.class.getName().equals(provider.getAttributes().get(PROVIDER))
            && provider.getDirectives().containsKey(PROVIDER_CLASS)) {
          register(bundle, provider);
        }
      }
    }
  }

  private static boolean isPlugin(Bundle bundle) {
    return wiring(bundle).getRequiredWires(EXTENDER).stream()
        .map(wire -> wire.getCapability().getAttributes().get(EXTENDER))
        .anyMatch(HydraPlugin.EXTENDER::equals);
  }

  private static BundleWiring wiring(Bundle bundle) {
    return bundle.adapt(BundleWiring.class);
  }

  private void register(Bundle bundle, BundleCapability provider) {
    String className = provider.getDirectives().get(PROVIDER_CLASS);
    Class<?> type;
    try {
      type = bundle.loadClass(className);
    } catch (ClassNotFoundException e) {
      warnings.accept(
          Problem.skipped(bundle.getLocation(), "it has no class " + className + " to register"));
      return;
    } catch (LinkageError e) {
      warnings.accept(Problem.skipped(bundle, e));
      return;
    }
    Map<String, Object> properties = new HashMap<>(provider.getAttributes());
    properties.remove(PROVIDER);
    properties.put("hydra.bundle", bundle.getSymbolicName());
    properties.put("hydra.version", bundle.getVersion().toString());
    bundle
        .getBundleContext()
        .registerService(
            ComponentFactory.class.getName(),
            new FactoryService(type, warnings),
            FrameworkUtil.asDictionary(properties));
  }
}
