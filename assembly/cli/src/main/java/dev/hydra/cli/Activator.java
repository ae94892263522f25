package dev.hydra.cli;

import dev.hydra.cli.plugins.OsgiComponents;
import dev.hydra.cli.plugins.OsgiPluginJars;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;

/** Offers the command line to the launcher as a service. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  @Override
  public void start(BundleContext context) {
    ToIntFunction<String[]> main =
        arguments ->
            Main.run(
                new Commands(
                    new OsgiComponents(context, Map.of()),
                    new OsgiPluginJars(context),
                    NativeFiles.ofLauncher(context)),
                arguments);
    context.registerService(
        ToIntFunction.class, main, FrameworkUtil.asDictionary(Map.of("hydra.main", true)));
  }

  @Override
  public void stop(BundleContext context) {
    // the framework unregisters the service
  }
}
