package dev.hydra.api;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.ConfigOriginFactory;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Numbers and names in messages. */
class MessagesTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"0 | 0 tokens", "1 | 1 token", "2 | 2 tokens", "1024 | 1,024 tokens"})
  void oneIsSingular(long number, String text) {
    assertEquals(text, Messages.count(number, "token"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a.conf: 5 | a.conf: 5: data.files: is missing",
        "hardcoded value | data.files: is missing",
        "atPath(data.files) | data.files: is missing",
        "merge of a.conf: 5,b.conf: 6 | a.conf: 5,b.conf: 6: data.files: is missing",
        "merge of atPath(data.files),b.conf: 6 | b.conf: 6: data.files: is missing"
      })
  void mistakesAreBlamedOnWhatWasWritten(String origin, String message) {
    assertEquals(
        message,
        new ConfigException(ConfigOriginFactory.newSimple(origin), "data.files", "is missing")
            .getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1536, 1.5 KiB",
    "85899345920, 80.0 GiB",
    "2e18, 1776.4 PiB"
  })
  void bytesHaveAFittingUnit(double number, String text) {
    assertEquals(text, Messages.bytes(number));
  }

  @Test
  void argumentsAreQuotedWhereAShellWouldSplitThem() {
    assertEquals("runs/a-1.5_b", Messages.argument(Path.of("runs/a-1.5_b")));
    assertEquals("'my runs/a'", Messages.argument(Path.of("my runs/a")));
    assertEquals("'it'\\''s $x'", Messages.argument("it's $x"));
    assertEquals("''", Messages.argument(""));
  }
}
