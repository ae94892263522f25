package dev.hydra.cli.experiment;

import dev.hydra.cli.page.Numbers;
import dev.hydra.cli.page.Table;
import dev.hydra.experiments.Work;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * How fast the trainings of a run were.
 *
 * @param work what was trained, and not known before
 * @param seconds how long the run took in all
 * @param atOnce how many processes trained at once
 * @param busy the part of the time in which the GPU computed, as nvidia-smi says; empty where there
 *     is none
 */
public record Speed(Work work, double seconds, int atOnce, OptionalDouble busy) {
  Table table() {
    return new Table(
        "Speed",
        "of this run; what was known before is not in it",
        List.of("trainings", "at once", "s in all", "tokens/s in all", "GPU busy"),
        List.of(
            List.of(
                Numbers.whole(work.trainings()),
                Numbers.whole(atOnce),
                Numbers.shorter(seconds),
                Numbers.whole(work.tokens() / seconds),
                busy.isPresent() ? Numbers.percent(busy.getAsDouble()) : "-")));
  }

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("trainings", work.trainings());
    json.put("at_once", atOnce);
    json.put("seconds", seconds);
    json.put("tokens", work.tokens());
    json.put("tokens_per_second", work.tokens() / seconds);
    busy.ifPresent(part -> json.put("gpu_busy", part));
    return json;
  }
}
