package dev.hydra.cli.swapbench;

import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.model.Components;
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
  private final Set<String> added = ConcurrentHashMap.newKeySet();

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
    for (String label : Set.copyOf(added)) {
      remove(label);
    }
  }

  @Override
  public List<Registration> add(Path jar) throws IOException {
    List<Registration> types = plugins.add(jar);
    loaders.add(new WeakReference<>(types.get(0).factory().getClass().getClassLoader()));
    added.add(PluginJars.label(types.get(0)));
    return types;
  }

  @Override
  public List<Registration> of(String label) {
    return plugins.of(label);
  }

  @Override
  public Path jar(String label) throws IOException {
    return plugins.jar(label);
  }

  /** What was there before stays: the next run begins with it. */
  @Override
  public void remove(String label) throws IOException {
    if (added.remove(label)) {
      plugins.remove(label);
    }
  }

  @Override
  public Map<String, String> hashes() throws IOException {
    return plugins.hashes();
  }

  @Override
  public PluginRegistry registry() {
    return plugins.registry();
  }

  @Override
  public Components components(Map<String, String> sites) {
    return plugins.components(sites);
  }
}
