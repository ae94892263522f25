package dev.hydra.cli.plugins;

import dev.hydra.api.PluginId;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.SitePath;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The plugins of a class path or module path, which stay as they are. */
public record FixedPlugins(PluginRegistry registry) implements PluginJars {
  @Override
  public List<Registration> add(Path jar) {
    throw refusal();
  }

  @Override
  public List<Registration> of(PluginId plugin) {
    return registry.all().stream().filter(each -> each.plugin().equals(plugin)).toList();
  }

  @Override
  public Path jar(PluginId plugin) {
    throw refusal();
  }

  @Override
  public void remove(PluginId plugin) {
    throw refusal();
  }

  @Override
  public Map<String, PluginId> hashes() {
    return Map.of();
  }

  @Override
  public Components components(Map<SitePath, PluginId> sites) {
    return Components.of(registry);
  }

  private static UsageException refusal() {
    return new UsageException("plugins can be added to the installed distribution only");
  }
}
