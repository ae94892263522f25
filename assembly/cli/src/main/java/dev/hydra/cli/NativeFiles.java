package dev.hydra.cli;

import dev.hydra.api.host.NativeLibraries;
import org.bytedeco.javacpp.Loader;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/** Finds who answers for the native libraries. */
final class NativeFiles {
  private NativeFiles() {}

  /** Where no launcher has unpacked them, JavaCPP does when it loads them. */
  static NativeLibraries unchecked() {
    return () -> "in " + Loader.getCacheDir() + ", not checked: bin/hydra does that";
  }

  /** Asks the launcher, which offers a service for it. */
  static NativeLibraries ofLauncher(BundleContext context) {
    return () -> {
      ServiceReference<NativeLibraries> offered =
          context.getServiceReference(NativeLibraries.class);
      if (offered == null) {
        throw new IllegalStateException("the launcher offers no check of native files");
      }
      return context.getService(offered).check();
    };
  }
}
