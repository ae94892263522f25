package dev.hydra.api.host;

import java.io.IOException;
import org.osgi.annotation.versioning.ProviderType;

/** Answers for the native libraries that the host has unpacked. The host offers it as a service. */
@ProviderType
@FunctionalInterface
public interface NativeLibraries {
  /**
   * Reads them all and unpacks those anew that are damaged.
   *
   * @return how many there are, where, and what was wrong: a line for people
   * @throws IOException if they cannot be read or mended
   */
  String check() throws IOException;
}
