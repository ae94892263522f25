package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A cache of tokens in processes of their own: at once, killed, without room, in a small heap. */
class CacheProcessesTest {
  private static final int SHARD = 16 << 20;

  @TempDir Path folder;
  private Path text;
  private Path cache;

  @BeforeEach
  void fourShards() throws IOException {
    text = Files.write(folder.resolve("text"), Texts.words(3 * SHARD + 1_000_000, 1));
    cache = folder.resolve("cache");
  }

  private Process start(String... java) throws IOException {
    return CacheProcess.of(List.of(java), "text", text, cache).start();
  }

  private static String said(Process process) throws IOException, InterruptedException {
    String said =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertEquals(0, process.waitFor(), said);
    return said;
  }

  private static long encoded(String said) {
    String last = said.substring(said.lastIndexOf('\n') + 1);
    assertThat(last).matches("\\d+ \\d+-[0-9a-f]{8}");
    return Long.parseLong(last.substring(0, last.indexOf(' ')));
  }

  /** Asserts that the text was encoded, all of it in these processes together. */
  private void assertWhole(String... said) {
    String whole =
        Texts.corpus(List.of("text"), List.of(folder), new ByteTokenizer()).fingerprint();
    long encoded = 0;
    for (String each : said) {
      assertThat(each).endsWith(" " + whole);
      encoded += encoded(each);
    }
    assertEquals(3L * SHARD + 1_000_000, encoded);
  }

  private List<String> files(String suffix) throws IOException {
    if (!Files.exists(cache)) {
      return List.of();
    }
    try (Stream<Path> all = Files.walk(cache)) {
      return all.map(path -> path.getFileName().toString())
          .filter(name -> name.endsWith(suffix))
          .sorted()
          .toList();
    }
  }

  private void awaitShard() throws IOException, InterruptedException {
    for (int i = 0; files(".bin").isEmpty(); i++) {
      assertTrue(i < 6000, "no shard within a minute");
      Thread.sleep(10);
    }
  }

  @Test
  void twoAtOnceEncodeTheTextOnce() throws IOException, InterruptedException {
    Process one = start("-Dpiece.millis=10");
    awaitShard();
    Process two = start();
    String second = said(two);
    assertWhole(said(one), second);
    assertThat(second).contains("another process makes tokens of the same text in " + cache);
    assertThat(files(".tmp")).isEmpty();
  }

  @Test
  void whatAKilledOneHadFinishedIsUsed() throws IOException, InterruptedException {
    Process killed = start("-Dpiece.millis=20");
    awaitShard();
    killed.destroyForcibly().waitFor();
    assertThat(files("complete.json")).isEmpty();
    assertThat(encoded(said(start()))).isLessThanOrEqualTo(2L * SHARD + 1_100_000);
    assertEquals(0, encoded(said(start())));
    assertThat(files(".tmp")).isEmpty();
  }

  /** The size of files is limited, which is told to a process as a full disk is. */
  @Test
  void withoutRoomItSaysWhereAndGoesOnLater() throws IOException, InterruptedException {
    ProcessBuilder limited = CacheProcess.of(List.of(), "text", text, cache);
    List<String> command =
        new ArrayList<>(List.of("bash", "-c", "ulimit -f 8000; exec \"$@\"", "-"));
    command.addAll(limited.command());
    assertThat(said(limited.command(command).start()))
        .startsWith("the tokens of the text cannot be kept in " + cache + " (")
        .contains("make room, or name another folder", "hydra.tokens.cache");
    assertThat(files(".tmp")).isEmpty();
    assertThat(files("complete.json")).isEmpty();
    assertWhole(said(start()));
  }

  /** The heap is of a size at which the text, or a shard for each processor, would not fit. */
  @Test
  void neitherLinesNorProcessorsNeedMoreHeap() throws IOException, InterruptedException {
    assertWhole(said(start("-Xmx192m", "-XX:ActiveProcessorCount=64")));
    try (OutputStream line = new GZIPOutputStream(Files.newOutputStream(text))) {
      byte[] some = "no line ends ".repeat(100_000).getBytes(StandardCharsets.US_ASCII);
      for (int i = 0; i < 150; i++) {
        line.write(some);
      }
    }
    assertEquals(195_000_000, encoded(said(start("-Xmx128m"))));
  }

  @Test
  void aJsonLineThatIsTooLongIsLeftOutInASmallHeap() throws IOException, InterruptedException {
    byte[] some = "x".repeat(1_000_000).getBytes(StandardCharsets.US_ASCII);
    try (OutputStream lines = Files.newOutputStream(text)) {
      lines.write("{\"text\": \"".getBytes(StandardCharsets.US_ASCII));
      for (int i = 0; i < 100; i++) {
        lines.write(some);
      }
      lines.write("\"}\n{\"text\": \"short\"}\n".getBytes(StandardCharsets.US_ASCII));
    }
    String said = said(CacheProcess.of(List.of("-Xmx128m"), "jsonl", text, cache).start());
    assertThat(said).contains("1: is longer than 32 MiB");
    assertEquals(5, encoded(said));
  }
}
