package dev.hydra.dist;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Reads what runs have written. */
final class Metrics {
  private Metrics() {}

  /** The lines of a kind in the metrics of a run folder; none if there is no file yet. */
  static List<Map<String, Object>> of(Path run, String kind) throws IOException {
    Path file = run.resolve("metrics.jsonl");
    List<Map<String, Object>> lines = new ArrayList<>();
    if (Files.exists(file)) {
      for (String line : Files.readAllLines(file)) {
        if (line.contains("\"kind\":\"" + kind + "\"") && line.endsWith("}")) {
          lines.add(JSON.std.mapFrom(line));
        }
      }
    }
    return lines;
  }
}
