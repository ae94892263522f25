package dev.hydra.api.host;

import dev.hydra.api.PluginId;
import java.io.IOException;
import java.nio.file.Path;
import org.osgi.annotation.versioning.ProviderType;

/** Adds plugins to the running process. The host offers it as a service. */
@ProviderType
@FunctionalInterface
public interface PluginInstaller {
  /**
   * Installs and starts a copy of a jar beside all plugins that there are, older versions of it
   * included.
   *
   * @param jar the plugin
   * @param sha256 the hash of the jar's content, 64 hexadecimal digits: part of its identity from
   *     now on
   * @return the plugin that it is
   * @throws IOException saying why it cannot be used; then it is not installed
   */
  PluginId install(Path jar, String sha256) throws IOException;
}
