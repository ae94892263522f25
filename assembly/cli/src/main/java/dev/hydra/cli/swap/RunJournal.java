package dev.hydra.cli.swap;

import dev.hydra.cli.common.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Adds what only the command knows to the journal of a run.
 *
 * @param file the journal
 * @param warnings is told if that fails
 */
record RunJournal(Path file, Consumer<String> warnings) {
  void add(String event, long step, Map<String, ?> details) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("time", Instant.now().toString());
    line.put("event", event);
    line.put("step", step);
    line.putAll(details);
    try {
      Files.writeString(
          file, Json.line(line) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      warnings.accept("the journal cannot be written, a line is lost: " + e);
    }
  }
}
