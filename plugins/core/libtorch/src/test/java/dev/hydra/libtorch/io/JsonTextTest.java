package dev.hydra.libtorch.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonTextTest {
  @Test
  void oneValueIsRead() throws NotJsonException {
    assertThat(JsonText.parse(" {\"a\": [1, \"\\ud83d\\ude00\", null]} "))
        .isEqualTo(Map.of("a", java.util.Arrays.asList(1, "😀", null)));
    assertThat(JsonText.parse("null")).isNull();
    assertThat(JsonText.parse("\"" + "a".repeat(30_000_000) + "\"")).isInstanceOf(String.class);
  }

  @Test
  void whatIsNoObjectIsRefused() throws NotJsonException {
    assertThat(JsonText.object("{\"a\": null}")).containsKey("a");
    for (String other : List.of("null", "[]", "5", "true", "\"x\"")) {
      assertThatThrownBy(() -> JsonText.object(other))
          .isInstanceOf(NotJsonException.class)
          .hasMessage("not a JSON object");
    }
  }

  /** Half a character as bytes, which is no UTF-8, though the parser takes it. */
  @Test
  void halfACharacterInBytesIsRefused() {
    byte[] half = {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'};
    assertThatThrownBy(() -> JsonText.parse(half))
        .isInstanceOf(NotJsonException.class)
        .hasMessageContaining("has \\ud800, one half");
  }

  @Test
  void whatIsWrongIsSaidWithItsPlace() {
    for (String[] bad :
        List.of(
            new String[] {"[\"a\"", "not JSON: Unexpected end-of-input", "(line 1, column 5)"},
            new String[] {"[1,\n 2 3]", "not JSON: ", "(line 2, column "},
            new String[] {"[NaN]", "NaN is not JSON", "line 1"},
            new String[] {"[-Infinity]", "-Infinity is not JSON", "line 1"},
            new String[] {"[".repeat(2000), "not JSON: ", "nested deeper than 1000 levels"},
            new String[] {"[" + "1".repeat(2000) + "]", "not JSON: ", "exceeds the maximum"},
            new String[] {"[+1]", "plus sign", "line 1"},
            new String[] {"[01]", "eading zero", "line 1"},
            new String[] {"[.5]", "Unexpected character", "line 1"},
            new String[] {"[/* x */]", "comment", "line 1"},
            new String[] {"['a']", "Unexpected character", "line 1"},
            new String[] {"[\"\n\"]", "unquoted character", "line "},
            new String[] {"[\"\\x\"]", "escape", "line 1"},
            new String[] {"{\"a\":1,\"a\":2}", "the name \"a\" comes twice", "line 1"},
            new String[] {"", "not JSON: there is nothing in it", "line 1"},
            new String[] {"[1] xyz", "xyz", "line 1"},
            new String[] {"[1] [2]", "more than one JSON value", "after its end"},
            new String[] {"[\"\\ud800 lone\"]", "no JSON in UTF-8", "has \\ud800, one half"},
            new String[] {"{\"\\udc00\":1}", "no JSON in UTF-8", "has \\udc00, one half"})) {
      assertThatThrownBy(() -> JsonText.parse(bad[0]))
          .isInstanceOf(NotJsonException.class)
          .hasMessageContainingAll(bad[1], bad[2])
          .hasMessageNotContainingAny("REDACTED", "`", "Feature", "Constraints");
    }
  }

  @Test
  void theFileIsNamed(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("a.json"), "{\"a\": [1]}");
    assertThat(JsonText.object(file)).isEqualTo(Map.of("a", List.of(1)));
    for (String bad : List.of("[1]", "{\"a\":", "{} {}", "")) {
      Files.writeString(file, bad);
      assertThatThrownBy(() -> JsonText.object(file))
          .isInstanceOf(NotJsonException.class)
          .hasMessageStartingWith(file + " is ")
          .hasMessageEndingWith("; mend it, or fetch or write it again");
    }
  }
}
