package dev.hydra.serve;

import java.io.IOException;
import java.util.Map;
import java.util.Set;

/** Answers {@code POST /swap}, {@code POST /rollback} and {@code GET /journal}. */
final class Changing {
  private final Models models;
  private final Access access;

  Changing(Models models, Access access) {
    this.models = models;
    this.access = access;
  }

  /** Asks for a change, or for what became of those before. */
  private interface Asking<T> {
    T of(ModelChanges changes) throws IOException;
  }

  void swap(Call call) throws IOException {
    access.checkOwner(call);
    Map<String, Object> form = call.body().values();
    call.answer(200, ask(call, changes -> changes.swap(form)));
  }

  void rollback(Call call) throws IOException {
    access.checkOwner(call);
    call.bodyIfAny().known(Set.of());
    call.answer(200, ask(call, ModelChanges::rollback));
  }

  void journal(Call call) throws IOException {
    call.answer(200, Map.of("events", ask(call, ModelChanges::journal)));
  }

  private <T> T ask(Call call, Asking<T> asking) {
    ServedModel model = models.find(call.query("model"));
    ModelChanges changes =
        model
            .changes()
            .orElseThrow(
                () ->
                    conflict(
                        "the model "
                            + model.name()
                            + " cannot be changed while it is served, unless the operator starts"
                            + " the server with --swap-dir"));
    model.requireEngine();
    try {
      return asking.of(changes);
    } catch (IllegalArgumentException e) {
      throw ApiException.request(String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw conflict(String.valueOf(e.getMessage()));
    }
  }

  private static ApiException conflict(String problem) {
    return new ApiException(409, "invalid_request_error", problem, null, null);
  }
}
