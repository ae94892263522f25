package dev.hydra.trainer.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardTest {
  @TempDir Path folder;

  private MetricsFile file() {
    return new MetricsFile(folder.resolve("metrics.jsonl"));
  }

  private TensorBoardReader written(MetricLine... lines) throws IOException {
    try (TensorBoard board = new TensorBoard(folder, "a = 1\nb = ü\n", file())) {
      for (MetricLine line : lines) {
        board.add(line);
      }
    }
    return TensorBoardReader.of(folder);
  }

  private static MetricLine line(String kind, long step, Map<String, Object> values) {
    return new MetricLine(kind, Instant.ofEpochMilli(1_700_000_000_250L), step, values);
  }

  @Test
  void everyNumberHasATag() throws IOException {
    TensorBoardReader read =
        written(
            line(MetricLine.STEP, 300, Map.of("loss", 2.5, "mfu", 0.25, "wait_share", 0.5)),
            line(MetricLine.VALIDATION, 300, Map.of("set", "law", "loss", 1.5, "scored_bytes", 7)),
            line(
                MetricLine.OBSERVATION,
                1L << 40,
                Map.of(
                    "values",
                    Map.of(
                        "blocks.0.ffn.router.load",
                        List.of(0.25, 0.75),
                        "blocks.0.memory.gate",
                        0.5,
                        "blocks.0.ffn.dropped",
                        Map.of("mean", 0.1)))));
    assertEquals(List.of("brain.Event:2"), read.versions);
    assertEquals(
        List.of(new TensorBoardReader.Scalar(1_700_000_000.25, 300, 2.5f)),
        read.scalars.get("train/loss"));
    assertThat(read.scalars)
        .containsOnlyKeys(
            "train/loss",
            "speed/mfu",
            "train/wait_share",
            "validation/law/loss",
            "observed/blocks.0.ffn.router.load/0",
            "observed/blocks.0.ffn.router.load/1",
            "observed/blocks.0.memory.gate",
            "observed/blocks.0.ffn.dropped/mean");
    assertEquals(1L << 40, read.scalars.get("observed/blocks.0.memory.gate").get(0).step());
  }

  @Test
  void textsAreTheConfigurationAndEvents() throws IOException {
    TensorBoardReader read = written(line("swap", 4, Map.of("reason", "asked")));
    assertEquals(List.of("    a = 1\n    b = ü"), read.texts.get("config"));
    assertEquals(List.of("    reason: asked"), read.texts.get("events/swap"));
  }

  /** What the metrics have is in one file, which a run that goes on writes anew. */
  @Test
  void goesOnFromTheMetrics() throws IOException {
    Files.write(folder.resolve("events.out.tfevents.1.old.1"), new byte[] {1, 2, 3});
    file().add(line(MetricLine.STEP, 1, Map.of("loss", 3.0)));
    TensorBoardReader read = written(line(MetricLine.STEP, 2, Map.of("loss", 2.0)));
    assertEquals(
        List.of(1L, 2L),
        read.scalars.get("train/loss").stream().map(TensorBoardReader.Scalar::step).toList());
    TensorBoard.deleteAll(folder);
    assertThat(folder).isDirectoryNotContaining("glob:**tfevents*");
  }

  /** A record that TensorFlow documents: the check value of CRC-32C is that of "123456789". */
  @Test
  void recordsAreFramedAsTensorFlowDoes() throws IOException {
    Path records = folder.resolve("records");
    try (RecordFile file = new RecordFile(records)) {
      file.add("123456789".getBytes(StandardCharsets.US_ASCII));
    }
    ByteBuffer read =
        ByteBuffer.wrap(Files.readAllBytes(records)).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    assertEquals(9, read.getLong(0));
    int crc = 0xE3069283;
    assertEquals(((crc >>> 15) | (crc << 17)) + 0xa282ead8, read.getInt(8 + 4 + 9));
    assertEquals(8 + 4 + 9 + 4, read.capacity());
  }

  @Test
  void theReaderNoticesDamage() throws IOException {
    try (TensorBoard board = new TensorBoard(folder, "", file())) {
      board.add(line(MetricLine.STEP, 1, Map.of("loss", 3.0)));
    }
    Path events;
    try (var files = Files.newDirectoryStream(folder, "*tfevents*")) {
      events = files.iterator().next();
    }
    byte[] bytes = Files.readAllBytes(events);
    bytes[bytes.length - 6] ^= 1;
    assertThrows(AssertionError.class, () -> new TensorBoardReader().read(ByteBuffer.wrap(bytes)));
  }
}
