package dev.hydra.trainer.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsFileTest {
  @TempDir Path folder;
  private Path path;
  private MetricsFile file;

  @BeforeEach
  void names() {
    path = folder.resolve("metrics.jsonl");
    file = new MetricsFile(path);
  }

  private void add(String kind, long step) throws IOException {
    file.add(MetricLine.now(kind, step, Map.of("x", 1)));
  }

  private List<String> lines() throws IOException {
    return file.all().stream().map(line -> line.kind() + " " + line.step()).toList();
  }

  /** A run that was killed in its third step, after a checkpoint of the second. */
  private void killed() throws IOException {
    for (int step = 1; step <= 3; step++) {
      add(MetricLine.STEP, step);
      if (step == 2) {
        add("swap", 2);
        add(MetricLine.CHECKPOINT, 2);
        add(MetricLine.OBSERVATION, 2);
        add(MetricLine.VALIDATION, 2);
        add("swap", 2);
      }
    }
    Files.writeString(path, "{\"kind\":\"step\",\"st", StandardOpenOption.APPEND);
  }

  @Test
  void isCutBackToTheCheckpoint() throws IOException {
    killed();
    file.cutBack(2, false);
    assertEquals(
        List.of("step 1", "step 2", "swap 2", "checkpoint 2", "observation 2", "validation 2"),
        lines(),
        "the later swap is not in the checkpoint");
    add(MetricLine.STEP, 3);
    assertThat(Files.readAllLines(path)).hasSize(7);
  }

  @Test
  void aScoreThatIsMadeAgainIsNotThereTwice() throws IOException {
    killed();
    file.cutBack(2, true);
    assertEquals(List.of("step 1", "step 2", "swap 2", "checkpoint 2", "observation 2"), lines());
  }

  @Test
  void nothingIsLeftWithoutACheckpoint() throws IOException {
    killed();
    file.cutBack(0, false);
    assertEquals(List.of(), lines());
  }

  @Test
  void whatHasNoFormInJsonIsLeftOut() throws IOException {
    file.add(
        MetricLine.now(
            MetricLine.OBSERVATION,
            1,
            Map.of("a", Double.NaN, "b", Map.of("c", Double.POSITIVE_INFINITY, "d", 0.5))));
    assertEquals(Map.of("b", Map.of("d", 0.5)), file.all().get(0).values());
  }

  /** Files of before had steps only, without a kind. */
  @Test
  void readsLinesWithoutAKind() throws IOException {
    Files.writeString(path, "{\"step\":7,\"loss\":2.5}\n{\"other\":1}\n");
    MetricLine line = file.all().get(0);
    assertEquals(MetricLine.STEP, line.kind());
    assertEquals(7, line.step());
    assertEquals(2.5, line.number("loss"));
    assertEquals(1, file.all().size());
  }
}
