package dev.hydra.cli.swap;

import dev.hydra.cli.common.UsageException;
import dev.hydra.serve.ModelChanges;
import dev.hydra.trainer.metrics.JsonLines;
import dev.hydra.trainer.run.RunFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Sends what a page asks of a running model over the model's own channel, and says what came.
 *
 * @param folder the run's, or that through which a served model is swapped
 */
public record ChannelChanges(Path folder) implements ModelChanges {
  /** What only commands say: a form asks for a swap, and does not wait until it is confirmed. */
  private static final List<String> OF_THE_CHANNEL = List.of("do", "wait");

  @Override
  public Map<String, Object> swap(Map<String, Object> form) throws IOException {
    for (String key : OF_THE_CHANNEL) {
      if (form.containsKey(key)) {
        throw new IllegalArgumentException(key + " is not a key of a form");
      }
    }
    Map<String, Object> read = new LinkedHashMap<>(form);
    if (!(form.getOrDefault("sites", "") instanceof String patterns)) {
      throw new IllegalArgumentException("sites must be a text: patterns with commas between them");
    }
    read.put("sites", patterns.isBlank() ? List.of() : List.of(patterns.strip().split("[\\s,]+")));
    SwapOrder order = SwapOrder.read(read);
    try {
      order.check();
    } catch (UsageException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    return ask(order.json());
  }

  @Override
  public Map<String, Object> rollback() throws IOException {
    return ask(Map.of("do", "rollback"));
  }

  @Override
  public List<Map<String, Object>> journal() throws IOException {
    List<Map<String, Object>> events = new ArrayList<>();
    new JsonLines(new RunFolder(folder).journal()).forEach(events::add);
    return JournalEvent.newest(events).stream().map(JournalEvent::json).toList();
  }

  private Map<String, Object> ask(Map<String, ?> request) throws IOException {
    Map<String, Object> answer = ControlClient.ask(folder, request);
    List<String> lines =
        "refused".equals(answer.get("status"))
            ? List.of("refused: " + answer.get("reason"))
            : SwapText.lines(answer);
    return Map.of("status", String.valueOf(answer.get("status")), "lines", lines);
  }
}
