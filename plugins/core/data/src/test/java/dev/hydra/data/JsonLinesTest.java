package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Settings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonLinesTest {
  @TempDir private Path folder;

  private List<String> read(String text, String options) throws IOException {
    Files.writeString(folder.resolve("lines"), text);
    SourceFactory factory = new JsonLinesSourceFactory();
    Settings settings =
        Settings.read(
            "data", ConfigFactory.parseString("files = lines\n" + options), factory.options());
    List<String> documents = new ArrayList<>();
    StringBuilder document = new StringBuilder();
    factory
        .create(new SourceContext(settings, List.of(folder)))
        .read(
            new TextSink() {
              @Override
              public void accept(byte[] piece) {
                document.append(new String(piece, StandardCharsets.UTF_8));
              }

              @Override
              public void endOfDocument() {
                documents.add(document.toString());
                document.setLength(0);
              }
            });
    return documents;
  }

  @Test
  void everyLineIsADocument() throws IOException {
    assertEquals(
        List.of("a\n\u20ac", "", "c"),
        read("{\"text\":\"a\\n\u20ac\",\"id\":1}\r\n\n{\"text\":\"\"}\n{\"text\":\"c\"}", ""));
    assertEquals(List.of("x"), read("\ufeff{\"a\":{\"b\":\"x\"}}\n", "field = a.b"));
  }

  @Test
  void aLongLineIsRead() throws IOException {
    String text = "a\u20ac ".repeat(6_000_000);
    assertEquals(List.of(text, "b"), read("{\"text\":\"" + text + "\"}\n{\"text\":\"b\"}", ""));
  }

  @Test
  void aDamagedGzipAndNoLineAreRefused() throws IOException {
    for (String nothing : List.of("", "\n\n")) {
      assertThat(assertThrows(ConfigException.class, () -> read(nothing, "")))
          .hasMessageContaining("the corpus is empty: no text in");
    }
    byte[] packed = Texts.gzip("{\"text\":\"a\"}\n".repeat(1000).getBytes(StandardCharsets.UTF_8));
    Files.write(folder.resolve("cut"), Arrays.copyOf(packed, packed.length - 5));
    assertThat(assertThrows(ConfigException.class, () -> read("", "files = cut")))
        .hasMessageContaining("cut is a damaged gzip file");
  }

  @Test
  void whatHasNoTextIsRefusedOrLeftOut() throws IOException {
    String good = "{\"text\":\"a\"}\n";
    for (String[] bad :
        List.of(
            new String[] {"[1]", ": 2: is not a JSON object"},
            new String[] {"{\"texts\":\"b\"}", ": 2: has no field \"text\" among [texts]"},
            new String[] {"{\"text\":7}", ": 2: its field \"text\" is not a text"},
            new String[] {"{\"text\":\"b\"} c", ": 2: is "},
            new String[] {
              "{\"text\":\"\\ud800\"}", ": 2: is no JSON in UTF-8: a text in it has \\ud800"
            },
            new String[] {"{\"text\":\"b", ": 2: is not JSON"})) {
      String message =
          assertThrows(ConfigException.class, () -> read(good + bad[0] + "\n" + good, ""))
              .toString();
      assertThat(message)
          .contains("data.files", folder.resolve("lines") + bad[1], "on-error = skip");
      assertEquals(List.of("a", "a"), read(good + bad[0] + "\n" + good, "on-error = skip"));
    }
    assertThat(
            assertThrows(ConfigException.class, () -> read("[1]\n", "on-error = skip")).toString())
        .contains("no text in", "is not a JSON object");
  }
}
