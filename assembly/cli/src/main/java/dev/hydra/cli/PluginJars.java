package dev.hydra.cli;

import dev.hydra.composer.Components.Registration;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Brings plugins into the running process. */
@FunctionalInterface
interface PluginJars {
  /**
   * Installs a jar beside all plugins that there are.
   *
   * @return the component types that it offers, at least one
   * @throws IOException saying why it cannot be used
   */
  List<Registration> add(Path jar) throws IOException;
}
