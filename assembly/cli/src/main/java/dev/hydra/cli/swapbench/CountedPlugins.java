package dev.hydra.cli.swapbench;

import dev.hydra.api.PluginId;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.SitePath;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Plugins that come and go, with a look at those class loaders of added ones that have not gone.
 */
public final class CountedPlugins implements PluginJars {
  private final PluginJars plugins;
  private final Queue<WeakReference<ClassLoader>> loaders = new ConcurrentLinkedQueue<>();
  private final Set<PluginId> added = ConcurrentHashMap.newKeySet();

  public CountedPlugins(PluginJars plugins) {
    this.plugins = plugins;
  }

  /** How many class loaders of added plugins are still there; collect garbage before. */
  int loaders() {
    loaders.removeIf(each -> each.refersTo(null));
    return loaders.size();
  }

  /** Takes away all added plugins that are still there. */
  void removeAdded() throws IOException {
    for (PluginId plugin : Set.copyOf(added)) {
      remove(plugin);
    }
  }

  @Override
  public List<Registration> add(Path jar) throws IOException {
    List<Registration> types = plugins.add(jar);
    loaders.add(new WeakReference<>(types.get(0).factory().getClass().getClassLoader()));
    added.add(types.get(0).plugin());
    return types;
  }

  @Override
  public List<Registration> of(PluginId plugin) {
    return plugins.of(plugin);
  }

  @Override
  public Path jar(PluginId plugin) throws IOException {
    return plugins.jar(plugin);
  }

  /** What was there before stays: the next run begins with it. */
  @Override
  public void remove(PluginId plugin) throws IOException {
    if (added.remove(plugin)) {
      plugins.remove(plugin);
    }
  }

  @Override
  public Map<String, PluginId> hashes() throws IOException {
    return plugins.hashes();
  }

  @Override
  public PluginRegistry registry() {
    return plugins.registry();
  }

  @Override
  public Components components(Map<SitePath, PluginId> sites) {
    return plugins.components(sites);
  }
}
