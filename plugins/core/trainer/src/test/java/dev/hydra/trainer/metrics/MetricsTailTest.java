package dev.hydra.trainer.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsTailTest {
  @TempDir Path folder;

  private static List<Long> steps(MetricsTail tail) {
    return tail.lines().stream().map(MetricLine::step).toList();
  }

  private static void step(MetricsFile file, long step, int length) throws IOException {
    file.add(MetricLine.now(MetricLine.STEP, step, Map.of("text", "x".repeat(length))));
  }

  @Test
  void readsWhatIsAddedAndNotHalfALine() throws IOException {
    Path path = folder.resolve("metrics.jsonl");
    MetricsTail tail = new MetricsTail(path);
    assertFalse(tail.update(), "there is no file yet");
    MetricsFile file = new MetricsFile(path);
    step(file, 1, 10);
    step(file, 2, 3 << 20); // longer than what is read at once
    assertTrue(tail.update());
    assertEquals(List.of(1L, 2L), steps(tail));
    assertFalse(tail.update());
    Files.writeString(path, "{\"kind\":\"step\",\"st", StandardOpenOption.APPEND);
    assertFalse(tail.update());
    Files.writeString(path, "ep\":3}\n{broken}\nnull\n", StandardOpenOption.APPEND);
    assertTrue(tail.update());
    assertEquals(List.of(1L, 2L, 3L), steps(tail));
  }

  @Test
  void readsAnewWhatAResumedRunHasCutBack() throws IOException {
    Path path = folder.resolve("metrics.jsonl");
    MetricsTail tail = new MetricsTail(path);
    MetricsFile file = new MetricsFile(path);
    for (long step = 1; step <= 4; step++) {
      step(file, step, 10);
    }
    assertTrue(tail.update());
    file.cutBack(2, false);
    step(file, 3, 100); // longer than before, in steps that were there
    step(file, 4, 100);
    step(file, 5, 100);
    assertTrue(tail.update());
    assertEquals(List.of(1L, 2L, 3L, 4L, 5L), steps(tail));
    assertEquals(100, tail.lines().get(2).text("text").length());
    Files.delete(path);
    assertTrue(tail.update());
    assertEquals(List.of(), steps(tail));
  }
}
