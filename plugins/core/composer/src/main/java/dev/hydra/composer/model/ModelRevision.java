package dev.hydra.composer.model;

import dev.hydra.api.PluginId;
import dev.hydra.composer.spec.ModelSpec;
import java.util.Map;
import java.util.Set;

/**
 * What can be exchanged in a model.
 *
 * @param sites components, at some of its sites
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
