package dev.hydra.serve;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;

/** Finds what answers a request. */
final class Endpoints {
  private static final String MODEL = "/v1/models/";

  /** Answers requests of one kind. */
  interface Endpoint {
    void answer(Call call) throws IOException, InterruptedException;
  }

  private final Map<String, Map<String, Endpoint>> byPath = new LinkedHashMap<>();
  private final Models models;

  Endpoints(Models models, Metrics metrics, Access access, Supplier<WebPage> page) {
    this.models = models;
    Tokenizing tokenizing = new Tokenizing(models);
    Changing changing = new Changing(models, access);
    add("GET", "/", call -> call.answer(page.get()));
    add("GET", "/health", this::health);
    add(
        "GET",
        "/metrics",
        call ->
            call.answer(
                200, "text/plain; version=0.0.4; charset=utf-8", Call.utf8(metrics.text(models))));
    add("GET", "/observations", new Observing(models)::answer);
    add("GET", "/composition", this::composition);
    add("POST", "/swap", changing::swap);
    add("POST", "/rollback", changing::rollback);
    add("GET", "/journal", changing::journal);
    add("GET", "/v1/models", call -> call.answer(200, models.list()));
    add("POST", "/v1/completions", new Completions(models)::answer);
    add("POST", "/v1/chat/completions", new ChatCompletions(models)::answer);
    add("POST", "/tokenize", tokenizing::tokenize);
    add("POST", "/detokenize", tokenizing::detokenize);
    add("GET", "/tokenizer_info", tokenizing::info);
  }

  private void add(String method, String path, Endpoint endpoint) {
    byPath.computeIfAbsent(path, key -> new TreeMap<>()).put(method, endpoint);
  }

  private void composition(Call call) throws IOException {
    ServedModel model = models.find(call.query("model"));
    model.requireEngine(); // it may be asked between two steps
    call.answer(200, model.composition().get());
  }

  private void model(Call call) throws IOException {
    ServedModel model = models.find(Optional.of(call.path().substring(MODEL.length())));
    call.answer(200, Models.describe(model));
  }

  private void health(Call call) throws IOException {
    models.all().forEach(ServedModel::requireEngine);
    call.answer(200, Map.of("status", "ok"));
  }

  /** The name under which a path is counted: paths that clients make up are one. */
  String counted(String path) {
    return path.startsWith(MODEL) ? MODEL : byPath.containsKey(path) ? path : "other";
  }

  /** Finds the endpoint; throws what tells the client that there is none. */
  Endpoint find(Call call) {
    String path = call.path();
    Map<String, Endpoint> methods =
        path.startsWith(MODEL) ? Map.of("GET", this::model) : byPath.get(path);
    if (methods == null) {
      throw new ApiException(
          404,
          "invalid_request_error",
          "there is nothing at " + path + "; there is " + String.join(", ", byPath.keySet()),
          null,
          "unknown_url");
    }
    Endpoint endpoint = methods.get(call.method());
    if (endpoint == null) {
      String allowed = String.join(", ", methods.keySet());
      call.set("Allow", allowed);
      throw new ApiException(
          405, "invalid_request_error", path + " answers " + allowed + " only", null, null);
    }
    return endpoint;
  }
}
