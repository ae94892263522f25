package dev.hydra.trainer.run;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where a run stands, besides its tensors.
 *
 * @param step optimizer steps done
 * @param samples training windows used
 * @param compute the compute type, by name
 * @param plugins the plugins that the run uses, {@code name version}, sorted
 * @param sites the plugin of every site, {@code name version}, by the site's path
 * @param unused the parameters that no component asks for
 */
record TrainerState(
    long step,
    long samples,
    String compute,
    List<String> plugins,
    Map<String, String> sites,
    List<String> unused) {
  Map<String, Object> toMap() {
    return Map.of(
        "step", step, "samples", samples, "compute", compute, "plugins", plugins, "sites", sites,
        "unused", unused);
  }

  /**
   * Reads what {@link #toMap} gave.
   *
   * @throws IllegalArgumentException if something is missing
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
          plugins.stream().map(String::valueOf).toList(),
          texts(sites),
          unused.stream().map(String::valueOf).toList());
    }
    throw new IllegalArgumentException(
        "step, samples, compute, plugins, sites or unused is missing");
  }

  private static Map<String, String> texts(Map<?, ?> map) {
    Map<String, String> texts = new LinkedHashMap<>();
    map.forEach((key, value) -> texts.put(String.valueOf(key), String.valueOf(value)));
    return texts;
  }
}
