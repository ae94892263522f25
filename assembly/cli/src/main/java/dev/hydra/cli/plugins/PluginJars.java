package dev.hydra.cli.plugins;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.PluginId;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.SitePath;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Brings plugins into the running process, and takes them away. */
public interface PluginJars {
  /**
   * Installs a jar beside all plugins that there are, older versions of it included.
   *
   * @return what it offers, of every kind, at least one
   * @throws IOException saying why it cannot be used; then it is not installed
   */
  List<Registration> add(Path jar) throws IOException;

  /** Returns what one version of a plugin offers, of every kind; none if it is not here. */
  List<Registration> of(PluginId plugin);

  /**
   * Returns the jar that one version of a plugin came from.
   *
   * @throws IOException if it is not here
   */
  Path jar(PluginId plugin) throws IOException;

  /** Takes one version of a plugin away. Its classes go when nothing refers to them any more. */
  void remove(PluginId plugin) throws IOException;

  /**
   * Returns what is here, as it was when it was installed or is now on the disk.
   *
   * @return plugins by the SHA-256 of their jars
   */
  Map<String, PluginId> hashes() throws IOException;

  /** Returns what there is, of every kind. */
  PluginRegistry registry();

  /**
   * Returns the component types that models are built from.
   *
   * @param sites the plugins that sites need, by their paths
   */
  Components components(Map<SitePath, PluginId> sites);

  /**
   * Returns the component types among what a plugin offers: they can be swapped while a model runs.
   */
  static List<Registration> components(List<Registration> offered) {
    return offered.stream().filter(each -> each.factory() instanceof ComponentFactory).toList();
  }
}
