package dev.hydra.cli.common;

import dev.hydra.composer.model.ModelComposition;
import dev.hydra.composer.spec.GateSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Tells programs what a model is composed of. */
public final class ModelDescription {
  private ModelDescription() {}

  /** Returns a composition as the values of a JSON object. */
  public static Map<String, Object> json(ModelComposition model) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("width", model.spec().width());
    json.put("vocab_size", model.spec().vocabSize());
    json.put("sequence_length", model.tokens());
    json.put("parameters", model.parameters());
    json.put("active_parameters", model.activeParameters());
    json.put("forward_flops_per_token", model.forwardFlopsPerToken());
    List<Map<String, Object>> blocks = new ArrayList<>();
    for (ModelComposition.Block block : model.blocks()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("topology", block.topology().name().toLowerCase(Locale.ROOT));
      one.put("paths", block.paths().stream().map(ModelDescription::json).toList());
      blocks.add(one);
    }
    json.put("blocks", blocks);
    return json;
  }

  private static Map<String, Object> json(ModelComposition.Path path) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("gate", gate(path.gate()));
    json.put("parameters", path.count().parameters());
    json.put("active_parameters", path.count().activeParameters());
    json.put("forward_flops_per_token", path.forwardFlopsPerToken());
    json.put("components", path.components().stream().map(ModelDescription::json).toList());
    return json;
  }

  private static Map<String, Object> json(ModelComposition.Component component) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("site", component.site().text());
    json.put("role", component.role());
    json.put("type", component.type());
    json.put("plugin", component.plugin().toString());
    json.put("config", component.config().root().unwrapped());
    return json;
  }

  /** Returns a gate as a configuration has it. */
  private static Object gate(GateSpec gate) {
    if (gate instanceof GateSpec.Scalar scalar) {
      return scalar.initial();
    }
    return gate instanceof GateSpec.Learned ? "learned" : "none";
  }
}
