package dev.hydra.launcher;

import java.net.URI;
import java.nio.file.Path;
import org.osgi.framework.Bundle;

/** Says in one line why a plugin cannot be used. */
final class Problem {
  /** The prefix of the location of bundles that are used where they lie. */
  static final String REFERENCE = "reference:";

  /**
   * The text that separates the path of a jar that was added later from the hash of its content.
   */
  static final String HASH = "#sha256=";

  private Problem() {}

  /** Describes a jar that did not become a bundle. */
  static String skipped(String location, String reason) {
    String jar =
        location.startsWith(REFERENCE)
            ? Path.of(URI.create(location.substring(REFERENCE.length()))).toString()
            : location.split(HASH, 2)[0];
    return "plugin " + jar + " skipped: " + reason;
  }

  /** Describes a bundle that does not start, or a class of it that cannot be used. */
  static String skipped(Bundle bundle, Throwable error) {
    return skipped(bundle.getLocation(), rootCause(error));
  }

  /** Describes the innermost cause. */
  static String rootCause(Throwable error) {
    Throwable cause = error;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause.toString().replaceAll("\\s*\\R\\s*", " ");
  }
}
