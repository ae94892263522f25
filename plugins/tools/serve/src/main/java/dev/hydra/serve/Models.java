package dev.hydra.serve;

import dev.hydra.api.Names;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The models that are served, by name. */
final class Models {
  private final Map<String, ServedModel> byName = new LinkedHashMap<>();

  /**
   * Creates the list.
   *
   * @throws IllegalArgumentException if there is none, or two of one name
   */
  Models(List<ServedModel> models) {
    for (ServedModel model : models) {
      if (byName.put(model.name(), model) != null) {
        throw new IllegalArgumentException("two models are named " + model.name());
      }
    }
    if (byName.isEmpty()) {
      throw new IllegalArgumentException("there is no model to serve");
    }
  }

  List<ServedModel> all() {
    return List.copyOf(byName.values());
  }

  /** Returns the model of a name; the only one where no name is given. */
  ServedModel find(Optional<String> name) {
    if (name.isEmpty()) {
      if (byName.size() == 1) {
        return byName.values().iterator().next();
      }
      throw ApiException.field(
          "model", "is missing; there are " + String.join(", ", byName.keySet()));
    }
    ServedModel model = byName.get(name.get());
    if (model == null) {
      throw new ApiException(
          404,
          "invalid_request_error",
          Names.unknown("model", name.get(), byName.keySet()),
          "model",
          "model_not_found");
    }
    return model;
  }

  /** Answers {@code GET /v1/models}. */
  Map<String, Object> list() {
    List<Object> data = new ArrayList<>();
    byName.values().forEach(model -> data.add(describe(model)));
    Map<String, Object> list = new LinkedHashMap<>();
    list.put("object", "list");
    list.put("data", data);
    return list;
  }

  /** Answers {@code GET /v1/models/NAME}. */
  static Map<String, Object> describe(ServedModel model) {
    Map<String, Object> description = new LinkedHashMap<>();
    description.put("id", model.name());
    description.put("object", "model");
    description.put("created", model.created());
    description.put("owned_by", "hydra");
    description.put("max_model_len", model.engine().engine().limits().context());
    description.put("tokenizer", model.tokenizer().isPresent());
    description.put("chat_template", model.template().isPresent());
    description.put("swappable", model.changes().isPresent());
    return description;
  }
}
