package dev.hydra.composer.model;

import dev.hydra.api.PluginId;
import dev.hydra.composer.spec.ModelSpec;
import java.util.Map;
import java.util.Set;

/**
 * A revision of a model: all that a swap can change in it.
 *
 * @param sites components, in some of its slots
 * @param parameters all parameters
 * @param spec what to build to get the same
 */
public record ModelRevision(
    Map<ComponentSlot, ComponentSite> sites, Map<String, Parameter> parameters, ModelSpec spec) {
  /** Adds the plugins of its components and of those below them. */
  public void collectPlugins(Set<PluginId> plugins) {
    sites.values().forEach(each -> each.collectPlugins(plugins));
  }
}
