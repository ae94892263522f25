package dev.hydra.data.parquet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables that Arrow wrote: make.py, among them, says what is in them. */
class ParquetTableTest {
  private static final int ROWS = 90;

  @TempDir Path folder;

  private static byte[] bytes(String name) throws IOException {
    try (InputStream in = ParquetTableTest.class.getResourceAsStream(name)) {
      assertThat(in).as(name).isNotNull();
      return in.readAllBytes();
    }
  }

  private Path file(String name) throws IOException {
    return Files.write(folder.resolve(name), bytes(name));
  }

  private static Column column(ParquetTable table, String name) {
    return table.columns().stream()
        .filter(each -> each.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static List<@Nullable String> texts(Path file, String column) throws IOException {
    List<@Nullable String> texts = new ArrayList<>();
    try (ParquetTable table = ParquetTable.open(file)) {
      table.read(
          column(table, column),
          (row, text) -> {
            assertEquals(texts.size() + 1, row);
            texts.add(text == null ? null : new String(text, StandardCharsets.UTF_8));
          });
    }
    return texts;
  }

  private static List<@Nullable String> rows(IntFunction<@Nullable String> row) {
    return IntStream.range(0, ROWS).mapToObj(row).toList();
  }

  private static @Nullable String text(int row) {
    return row % 7 == 3 ? null : ("Zeile " + row + " \u00e4\u20ac ").repeat(row % 4);
  }

  private static @Nullable String few(int row) {
    return row % 5 == 1 ? null : List.of("rot", "gr\u00fcn", "blau").get(row % 3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "none-v1",
        "none-v2",
        "snappy-v1",
        "snappy-v2",
        "gzip-v1",
        "gzip-v2",
        "zstd-v1",
        "zstd-v2"
      })
  void everyEncodingIsRead(String name) throws IOException {
    Path file = file(name + ".parquet");
    List<@Nullable String> texts = rows(ParquetTableTest::text);
    assertEquals(texts, texts(file, "plain"));
    assertEquals(texts, texts(file, "lengths"));
    assertEquals(texts, texts(file, "prefixes"));
    assertEquals(rows(ParquetTableTest::few), texts(file, "few"));
    assertEquals(rows(row -> "all " + row), texts(file, "all"));
    assertEquals(rows(row -> row % 2 == 1 ? null : text(row)), texts(file, "struct.text"));
  }

  @Test
  void columnsSayWhatTheyAre() throws IOException {
    try (ParquetTable table = ParquetTable.open(file("zstd-v1.parquet"))) {
      assertEquals(ROWS, table.rows());
      assertThat(table.columns())
          .extracting(each -> each.name() + ": " + each.kind())
          .containsExactly(
              "id: int64",
              "list.list.element: in a list",
              "plain: text",
              "few: text",
              "lengths: text",
              "prefixes: text",
              "struct.text: text",
              "struct.n: int32",
              "bytes: byte_array",
              "all: text");
      assertThat(table.columns().stream().filter(Column::isText))
          .extracting(Column::name)
          .containsExactly("plain", "few", "lengths", "prefixes", "struct.text", "all");
    }
  }

  @Test
  void anotherPackingIsRefusedByName() throws IOException {
    Path file = file("brotli-v1.parquet");
    assertThat(assertThrows(ParquetException.class, () -> texts(file, "plain")))
        .hasMessageStartingWith("is packed by brotli, and only snappy, zstd, gzip and none");
  }

  @Test
  void aTableThatIsCutOffIsRefused() throws IOException {
    byte[] whole = bytes("snappy-v1.parquet");
    Path cut = folder.resolve("cut");
    for (int size : new int[] {4, 11, 12, 100, whole.length / 2, whole.length - 1}) {
      Files.write(cut, Arrays.copyOf(whole, size));
      assertThat(assertThrows(ParquetException.class, () -> texts(cut, "plain")))
          .hasMessageStartingWith(
              "is a damaged Parquet table (it does not end with an index, as if it were cut off)");
    }
  }

  @Test
  void anEncryptedTableIsRefused() throws IOException {
    byte[] whole = bytes("none-v1.parquet");
    whole[whole.length - 1] = 'E';
    Path file = Files.write(folder.resolve("encrypted"), whole);
    assertThat(assertThrows(ParquetException.class, () -> texts(file, "plain")))
        .hasMessage("is an encrypted Parquet table; decrypt it first");
  }

  @Test
  void aPageWhoseChecksumIsWrongIsRefused() throws IOException {
    byte[] whole = bytes("none-v1.parquet");
    String text = new String(whole, StandardCharsets.ISO_8859_1);
    whole[text.lastIndexOf("Zeile 89") + 2] = 'x';
    Path file = Files.write(folder.resolve("damaged"), whole);
    assertThat(
            assertThrows(
                ParquetException.class,
                () -> {
                  for (String column : List.of("plain", "lengths", "prefixes", "struct.text")) {
                    texts(file, column);
                  }
                }))
        .hasMessageContaining("the checksum of a page is wrong");
  }

  /** Whatever is damaged: it is read, or refused as damaged, and nothing else is thrown. */
  @Test
  void damageAnywhereIsNoOtherFailure() throws IOException {
    byte[] whole = bytes("snappy-v2.parquet");
    Random random = new Random(1);
    Path file = folder.resolve("damaged");
    int refused = 0;
    for (int trial = 0; trial < 400; trial++) {
      byte[] damaged = whole.clone();
      for (int i = 0; i < 3; i++) {
        damaged[random.nextInt(whole.length)] = (byte) random.nextInt(256);
      }
      Files.write(file, damaged);
      try (ParquetTable table = ParquetTable.open(file)) {
        for (Column column : table.columns().stream().filter(Column::isText).toList()) {
          table.read(column, (row, text) -> {});
        }
      } catch (ParquetException e) {
        refused++;
      }
    }
    assertTrue(refused > 50, refused + " refused");
  }
}
