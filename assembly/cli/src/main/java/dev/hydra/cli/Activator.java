package dev.hydra.cli;

import dev.hydra.api.host.CommandLine;
import dev.hydra.cli.plugins.OsgiPluginJars;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;

/** Offers the command line to the launcher as a service. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  @Override
  public void start(BundleContext context) {
    CommandLine commands =
        arguments ->
            Main.run(
                new Commands(new OsgiPluginJars(context), NativeFiles.ofLauncher(context)),
                arguments);
    context.registerService(CommandLine.class, commands, null);
  }

  @Override
  public void stop(BundleContext context) {
    // the framework unregisters the service
  }
}
