package dev.hydra.launcher;

import dev.hydra.api.Factory;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Kind;
import java.lang.reflect.Modifier;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.SynchronousBundleListener;
import org.osgi.framework.namespace.PackageNamespace;
import org.osgi.framework.wiring.BundleCapability;
import org.osgi.framework.wiring.BundleWiring;

/**
 * Offers the factories of plugins as services: every class that {@link HydraPlugin} has put into a
 * bundle's capabilities, from when the bundle has started. The service is a {@link Factory} and
 * what the factory's kind is; it belongs to the bundle and so ends with it. It carries {@code
 * hydra.type}, {@code hydra.kind}, {@code hydra.bundle} (symbolic name) and {@code hydra.version}.
 */
final class Extender implements SynchronousBundleListener {
  private static final String EXTENDER = "osgi.extender";
  private static final String PROVIDER = "osgi.serviceloader";
  private static final String PROVIDER_CLASS = "register";
  private static final String TYPE = "hydra.type";

  /** Services of ours that this version may not know; those of others are none of our business. */
  private static final String OURS = "dev.hydra.";

  private final Consumer<String> warnings;

  /**
   * Creates the extender, to be added to a framework before its plugins start.
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
        if (provider.getDirectives().containsKey(PROVIDER_CLASS)) {
          offer(bundle, provider);
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

  private void offer(Bundle bundle, BundleCapability provider) {
    String service = String.valueOf(provider.getAttributes().get(PROVIDER));
    String className = provider.getDirectives().get(PROVIDER_CLASS);
    if (service.equals(HydraPlugin.SERVICE)) {
      try {
        register(bundle, provider, bundle.loadClass(className));
      } catch (ClassNotFoundException e) {
        skip(bundle, "it has no class " + className + " to register");
      } catch (IllegalArgumentException e) {
        skip(bundle, String.valueOf(e.getMessage()));
      } catch (LinkageError e) {
        warnings.accept(Problem.skipped(bundle, e));
      }
    } else if (service.startsWith(OURS)) {
      skip(
          bundle,
          "it registers "
              + className
              + " as a "
              + service
              + ", which this version does not know; build it against this version, where every"
              + " plugin is a "
              + HydraPlugin.SERVICE);
    }
  }

  private void skip(Bundle bundle, String reason) {
    warnings.accept(Problem.skipped(bundle.getLocation(), reason));
  }

  /** Registers a class; throws IllegalArgumentException if it cannot be used, saying why. */
  private void register(Bundle bundle, BundleCapability provider, Class<?> type) {
    Kind kind = Kind.of(type);
    if (!isShared(kind, bundle)) {
      throw new IllegalArgumentException(
          type.getName()
              + " is a factory of the kind "
              + kind.name()
              + ", which this version does not know: the jar keeps "
              + kind.type().getName()
              + " to itself");
    }
    checkCreatable(type);
    Map<String, Object> properties = new HashMap<>(provider.getAttributes());
    if (!(properties.get(TYPE) instanceof String)) {
      throw new IllegalArgumentException(
          type.getName() + " has no name: its capability lacks " + TYPE);
    }
    properties.remove(PROVIDER);
    properties.put("hydra.kind", kind.name());
    properties.put("hydra.bundle", bundle.getSymbolicName());
    properties.put("hydra.version", bundle.getVersion().toString());
    bundle
        .getBundleContext()
        .registerService(
            new String[] {HydraPlugin.SERVICE, kind.type().getName()},
            new FactoryService(type, warnings),
            FrameworkUtil.asDictionary(properties));
  }

  /** Says whether anybody but the plugin can see the interface of its kind. */
  private static boolean isShared(Kind kind, Bundle bundle) {
    return !bundle.equals(FrameworkUtil.getBundle(kind.type()))
        || wiring(bundle).getCapabilities(PackageNamespace.PACKAGE_NAMESPACE).stream()
            .map(each -> each.getAttributes().get(PackageNamespace.PACKAGE_NAMESPACE))
            .anyMatch(kind.type().getPackageName()::equals);
  }

  private static void checkCreatable(Class<?> type) {
    try {
      var unused = type.getConstructor();
    } catch (NoSuchMethodException e) {
      throw new IllegalArgumentException(
          type.getName() + " has no public constructor without parameters", e);
    }
    if (!Modifier.isPublic(type.getModifiers()) || Modifier.isAbstract(type.getModifiers())) {
      throw new IllegalArgumentException(type.getName() + " is not a public class of its own");
    }
  }
}
