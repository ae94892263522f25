package dev.hydra.cli.swap;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunJournalTest {
  @TempDir Path folder;

  @Test
  void linesAreAppended() throws IOException {
    Path file = Files.writeString(folder.resolve("journal.jsonl"), "{\"event\":\"started\"}\n");
    List<String> warnings = new ArrayList<>();
    RunJournal journal = new RunJournal(file, warnings::add);
    Instant before = Instant.now().minusSeconds(1);
    journal.add("plugin", 7, Map.of("jar", "a \"b\""));
    journal.add("swap", 8, Map.of());
    List<String> lines = Files.readAllLines(file);
    assertThat(lines).hasSize(3);
    Map<String, Object> line = JSON.std.mapFrom(lines.get(1));
    assertThat(line)
        .containsEntry("event", "plugin")
        .containsEntry("step", 7)
        .containsEntry("jar", "a \"b\"");
    assertThat(Instant.parse(String.valueOf(line.get("time")))).isAfter(before);
    assertThat(warnings).isEmpty();
  }

  @Test
  void aLostLineIsWarnedOf() {
    List<String> warnings = new ArrayList<>();
    new RunJournal(folder.resolve("none/journal.jsonl"), warnings::add).add("swap", 1, Map.of());
    assertThat(warnings)
        .singleElement()
        .asString()
        .startsWith("the journal cannot be written, a line is lost: ");
  }
}
