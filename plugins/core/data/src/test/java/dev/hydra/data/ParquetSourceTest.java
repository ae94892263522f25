package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Settings;
import dev.hydra.data.parquet.ParquetTable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ParquetSourceTest {
  @TempDir Path folder;

  private void table(String name) throws IOException {
    try (InputStream in = ParquetTable.class.getResourceAsStream(name)) {
      assertThat(in).as(name).isNotNull();
      Files.write(folder.resolve(name), in.readAllBytes());
    }
  }

  private List<String> documents(String options) {
    SourceFactory factory = new ParquetSourceFactory();
    Settings settings =
        Settings.read("data", ConfigFactory.parseString(options), factory.options());
    List<String> documents = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    factory
        .create(new SourceContext(settings, List.of(folder)))
        .read(
            new TextSink() {
              @Override
              public void accept(byte[] piece) {
                text.append(new String(piece, StandardCharsets.UTF_8));
              }

              @Override
              public void endOfDocument() {
                documents.add(text.toString());
                text.setLength(0);
              }
            });
    return documents;
  }

  private void assertRefused(String problem, String options) {
    assertThat(assertThrows(ConfigException.class, () -> documents(options)))
        .hasMessageContaining(problem);
  }

  @Test
  void everyRowIsADocument() throws IOException {
    table("zstd-v1.parquet");
    table("snappy-v2.parquet");
    List<String> all = documents("files = [zstd-v1.parquet, snappy-v2.parquet], field = all");
    assertEquals(180, all.size());
    assertEquals("all 0", all.get(0));
    assertEquals("all 89", all.get(179));
    assertEquals(all, documents("files = [\"*.parquet\"], field = all").stream().toList());
  }

  @Test
  void aRowWithoutATextIsRefusedOrLeftOut() throws IOException {
    table("zstd-v1.parquet");
    assertRefused(
        "zstd-v1.parquet: row 4: has no text in \"plain\"; on-error = skip leaves such rows out",
        "files = zstd-v1.parquet, field = plain");
    List<String> documents = documents("files = zstd-v1.parquet, field = plain, on-error = skip");
    assertEquals(77, documents.size());
    assertEquals("Zeile 1 \u00e4\u20ac ", documents.get(1));
  }

  @Test
  void aColumnThatIsNotThereOrNotTextIsRefusedWithThoseThatAre() throws IOException {
    table("zstd-v1.parquet");
    assertRefused(
        "zstd-v1.parquet has no column \"text\", but id (int64), list.list.element (in a list),"
            + " plain (text),",
        "files = zstd-v1.parquet");
    assertRefused(
        "the column \"id\" is int64, not text; columns of text: plain, few, lengths, prefixes,"
            + " struct.text, all",
        "files = zstd-v1.parquet, field = id");
    assertRefused(
        "the column \"list.list.element\" is in a list, not text",
        "files = zstd-v1.parquet, field = list.list.element");
  }

  @Test
  void textThatIsNotUtf8IsRefusedOrLeftOut() throws IOException {
    table("latin1.parquet");
    assertRefused(
        "latin1.parquet: row 2: \"text\" is not UTF-8: byte 3 is 0xe9; on-error = skip",
        "files = latin1.parquet");
    assertEquals(List.of("a", "b"), documents("files = latin1.parquet, on-error = skip"));
  }

  @Test
  void whatIsNoTableIsRefusedWithWhatReadsIt() throws IOException {
    Files.writeString(folder.resolve("text"), "some text");
    assertRefused(
        "text is not a Parquet table; text is read by source = text, lines of JSON by source ="
            + " jsonl",
        "files = text");
    Files.write(folder.resolve("packed"), Texts.gzip(new byte[100]));
    assertRefused(
        "packed is not a Parquet table; if one is packed in it, unpack it", "files = packed");
    Files.write(folder.resolve("cut"), "PAR1 and no more".getBytes(StandardCharsets.US_ASCII));
    assertRefused("cut is a damaged Parquet table (it does not end with an index", "files = cut");
  }

  @Test
  void otherSourcesSayHowATableIsRead() throws IOException {
    table("zstd-v1.parquet");
    SourceFactory factory = new JsonLinesSourceFactory();
    Settings settings =
        Settings.read(
            "data", ConfigFactory.parseString("files = zstd-v1.parquet"), factory.options());
    Source lines = factory.create(new SourceContext(settings, List.of(folder)));
    assertThat(assertThrows(ConfigException.class, () -> lines.read(piece -> {})))
        .hasMessageContaining("is a Parquet table, not plain text; use source = parquet, field =");
  }
}
