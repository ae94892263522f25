package dev.hydra.trainer.run;

import dev.hydra.api.PluginId;
import dev.hydra.composer.spec.SitePath;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The state of a run besides its tensors.
 *
 * @param step optimizer steps done
 * @param samples training windows used
 * @param compute the compute type, by name
 * @param plugins the plugins that the run uses, sorted
 * @param sites the plugin of every site, by the site's path
 * @param unused the parameters that no component asks for
 * @param text the {@link dev.hydra.data.Corpus#fingerprint} of the text; older checkpoints have
 *     none
 * @param scored the same of each text of {@code data.validation}, by name; older checkpoints have
 *     none
 * @param nextRate the learning rate that the next step was to have; older checkpoints have none
 * @param stage the name of the stage; empty where the training has no stages
 * @param growing the paths that grow in
 */
record TrainerState(
    long step,
    long samples,
    String compute,
    List<PluginId> plugins,
    Map<SitePath, PluginId> sites,
    List<String> unused,
    Optional<String> text,
    Map<String, String> scored,
    Optional<Double> nextRate,
    String stage,
    PathShares growing) {
  /** Returns the state as JSON values, which {@link #fromMap} reads. */
  Map<String, Object> toMap() {
    Map<String, String> siteTexts = new LinkedHashMap<>();
    sites.forEach((path, plugin) -> siteTexts.put(path.text(), plugin.toString()));
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("step", step);
    map.put("samples", samples);
    map.put("compute", compute);
    map.put("plugins", plugins.stream().map(PluginId::toString).toList());
    map.put("sites", siteTexts);
    map.put("unused", unused);
    text.ifPresent(known -> map.put("text", known));
    if (!scored.isEmpty()) {
      map.put("scored", scored);
    }
    nextRate.ifPresent(known -> map.put("next_learning_rate", known));
    if (!stage.isEmpty()) {
      map.put("stage", stage);
      map.put("growing", growing.sites().stream().map(SitePath::text).toList());
      map.put("growth", growing.share());
    }
    return map;
  }

  /**
   * Reads what {@link #toMap} gave.
   *
   * @throws IllegalArgumentException if something is missing, or does not name a site or identify a
   *     plugin
   */
  static TrainerState fromMap(Map<String, Object> map) {
    if (map.get("step") instanceof Number step
        && map.get("samples") instanceof Number samples
        && map.get("compute") instanceof String compute
        && map.get("plugins") instanceof List<?> plugins
        && map.get("sites") instanceof Map<?, ?> sites
        && map.get("unused") instanceof List<?> unused) {
      return new TrainerState(
          step.longValue(),
          samples.longValue(),
          compute,
          plugins.stream().map(String::valueOf).map(PluginId::parse).toList(),
          plugins(sites),
          unused.stream().map(String::valueOf).toList(),
          Optional.ofNullable(map.get("text")).map(String::valueOf),
          map.get("scored") instanceof Map<?, ?> scored ? texts(scored) : Map.of(),
          map.get("next_learning_rate") instanceof Number rate
              ? Optional.of(rate.doubleValue())
              : Optional.empty(),
          map.get("stage") instanceof String stage ? stage : "",
          map.get("growing") instanceof List<?> growing
                  && map.get("growth") instanceof Number growth
              ? new PathShares(sites(growing), growth.doubleValue())
              : PathShares.NONE);
    }
    throw new IllegalArgumentException(
        "step, samples, compute, plugins, sites or unused is missing");
  }

  private static Map<String, String> texts(Map<?, ?> map) {
    Map<String, String> texts = new TreeMap<>();
    map.forEach((name, text) -> texts.put(String.valueOf(name), String.valueOf(text)));
    return texts;
  }

  private static Set<SitePath> sites(List<?> texts) {
    return texts.stream()
        .map(each -> new SitePath(String.valueOf(each)))
        .collect(Collectors.toUnmodifiableSet());
  }

  private static Map<SitePath, PluginId> plugins(Map<?, ?> map) {
    Map<SitePath, PluginId> plugins = new LinkedHashMap<>();
    map.forEach(
        (path, text) ->
            plugins.put(new SitePath(String.valueOf(path)), PluginId.parse(String.valueOf(text))));
    return plugins;
  }
}
