package dev.hydra.dist.probe;

import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;

/** An activator that fails. */
public final class ExplodingActivator implements BundleActivator {
  @Override
  public void start(BundleContext context) {
    throw new IllegalStateException("no licence file");
  }

  @Override
  public void stop(BundleContext context) {}
}
