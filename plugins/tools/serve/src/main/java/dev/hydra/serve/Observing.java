package dev.hydra.serve;

import dev.hydra.inference.Observations;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** Answers {@code GET /observations}: what components show while texts are continued. */
final class Observing {
  private final Models models;

  Observing(Models models) {
    this.models = models;
  }

  void answer(Call call) throws IOException {
    ServedModel model = models.find(call.query("model"));
    Observations.Seen seen = model.engine().engine().observations().look();
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("model", model.name());
    answer.put("step", seen.step());
    answer.put("running", model.engine().engine().statistics().snapshot().running());
    answer.put("observations", seen.values());
    answer.put("largest", seen.largest());
    call.answer(200, answer);
  }
}
