package dev.hydra.cli;

import java.util.concurrent.Callable;
import org.bytedeco.javacpp.Loader;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** The native libraries that are unpacked for JavaCPP. */
@FunctionalInterface
interface NativeFiles {
  /**
   * Reads them all and mends those that are damaged.
   *
   * @return how many there are, where, and what was wrong
   * @throws Exception if they cannot be read or mended
   */
  String check() throws Exception;

  /** Where no launcher has unpacked them, JavaCPP does when it loads them. */
  static NativeFiles unchecked() {
    return () -> "in " + Loader.getCacheDir() + ", not checked: bin/hydra does that";
  }

  /** By the service {@code hydra.natives} of the launcher. */
  static NativeFiles ofLauncher(BundleContext context) {
    return () -> {
      try {
        ServiceReference<?>[] found =
            context.getServiceReferences(Callable.class.getName(), "(hydra.natives=true)");
        if (found == null) {
          throw new IllegalStateException("the launcher offers no check of native files");
        }
        return String.valueOf(((Callable<?>) context.getService(found[0])).call());
      } catch (InvalidSyntaxException e) {
        throw new AssertionError(e);
      }
    };
  }
}
