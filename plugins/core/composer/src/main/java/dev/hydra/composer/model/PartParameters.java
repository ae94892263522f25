package dev.hydra.composer.model;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Lends a model the parameters that are its own, and knows which part each belongs to. */
final class PartParameters {
  private final ParameterSource source;
  private final Map<String, ModelPart> parts = new HashMap<>();

  /** Lends parameters of a source. */
  PartParameters(ParameterSource source) {
    this.source = source;
  }

  /** Lends to one part of the model. */
  ParameterSource of(ModelPart part) {
    return (name, spec) -> {
      parts.put(name, part);
      return source.borrow(name, spec);
    };
  }

  /** Finds the part that a parameter belongs to; nothing for one that the model did not borrow. */
  Optional<ModelPart> part(String name) {
    return Optional.ofNullable(parts.get(name));
  }
}
