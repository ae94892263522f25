package dev.hydra.cli.watch;

import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.swap.SwapOrder;
import dev.hydra.cli.swap.SwapText;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Sends what the page asks of a training over the training's own channel, and says what came. */
final class Changes {
  private Changes() {}

  /**
   * Swaps.
   *
   * @param form {@code jar}, {@code sites} (with commas), {@code config}, {@code policy} and {@code
   *     dry_run}, see {@link SwapOrder}
   */
  static Map<String, Object> swap(WatchedRun run, Map<String, Object> form) {
    Map<String, Object> read = new LinkedHashMap<>(form);
    Object sites = form.getOrDefault("sites", "");
    if (!(sites instanceof String patterns)) {
      throw new HttpProblem(400, "sites must be a text: patterns with commas between them");
    }
    read.put("sites", patterns.isBlank() ? List.of() : List.of(patterns.strip().split("[\\s,]+")));
    try {
      SwapOrder order = SwapOrder.read(read);
      order.check();
      return ask(run, order.json());
    } catch (IllegalArgumentException | UsageException e) {
      throw new HttpProblem(400, String.valueOf(e.getMessage()));
    }
  }

  /** Undoes the last swap. */
  static Map<String, Object> rollback(WatchedRun run) {
    return ask(run, Map.of("do", "rollback"));
  }

  private static Map<String, Object> ask(WatchedRun run, Map<String, ?> request) {
    Map<String, Object> answer;
    try {
      answer = run.ask(request);
    } catch (IOException e) {
      throw new HttpProblem(409, String.valueOf(e.getMessage()));
    }
    List<String> lines = new ArrayList<>();
    if ("refused".equals(answer.get("status"))) {
      lines.add("refused: " + answer.get("reason"));
    } else {
      lines.addAll(SwapText.lines(answer));
    }
    return Map.of("status", String.valueOf(answer.get("status")), "lines", lines);
  }
}
