package dev.hydra.cli.plugins;

import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.model.Components;
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
  public List<Registration> of(String label) {
    return registry.all().stream().filter(each -> PluginJars.label(each).equals(label)).toList();
  }

  @Override
  public Path jar(String label) {
    throw refusal();
  }

  @Override
  public void remove(String label) {
    throw refusal();
  }

  @Override
  public Map<String, String> hashes() {
    return Map.of();
  }

  @Override
  public Components components(Map<String, String> sites) {
    return Components.of(registry);
  }

  private static UsageException refusal() {
    return new UsageException("plugins can be added to the installed distribution only");
  }
}
