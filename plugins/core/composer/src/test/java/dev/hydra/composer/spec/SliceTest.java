package dev.hydra.composer.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.Texts;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SliceTest {
  private static Slice slice(String text) {
    return Slice.read(Texts.value(text), "part.at");
  }

  /** As Python's {@code range(count)[slice]}. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "5         | 8 | 5",
        "0         | 8 | 0",
        "-1        | 8 | 7",
        "-8        | 8 | 0",
        "8         | 8 | ''",
        "-9        | 8 | ''",
        "2:6       | 8 | 2 3 4 5",
        "6:2       | 8 | ''",
        ":3        | 8 | 0 1 2",
        "6:        | 8 | 6 7",
        "6:99      | 8 | 6 7",
        ":         | 3 | 0 1 2",
        "3::4      | 8 | 3 7",
        "::2       | 5 | 0 2 4",
        "1:6:2     | 8 | 1 3 5",
        "-3:       | 8 | 5 6 7",
        ":-3       | 8 | 0 1 2 3 4",
        "-4:-1     | 8 | 4 5 6",
        "-99::2    | 5 | 0 2 4",
        "-2::      | 8 | 6 7",
        "1, 5:7    | 8 | 1 5 6",
        "'0,0,-1'  | 8 | 0 7"
      })
  void choosesAsPython(String text, int count, String expected) {
    Slice slice = slice('"' + text + '"');
    String chosen =
        IntStream.range(0, count)
            .filter(index -> slice.contains(index, count))
            .mapToObj(Integer::toString)
            .collect(Collectors.joining(" "));
    assertEquals(expected, chosen);
    assertEquals(!expected.isEmpty(), slice.fits(count));
  }

  @Test
  void everyPartMustChoose() {
    assertFalse(slice("\"1,9\"").fits(8));
    assertTrue(slice("\"1,7\"").fits(8));
  }

  @Test
  void takesANumber() {
    assertTrue(slice("5").contains(5, 8));
    assertFalse(slice("5").contains(4, 8));
  }

  @ParameterizedTest
  @ValueSource(strings = {"all", "\"\"", "\"1,\"", "\"1:2:3:4\"", "1.5", "\"::-1\"", "[1]"})
  void refusesWhatChoosesNoBlocks(String text) {
    String refusal = Texts.refusal(() -> slice(text));
    assertThat(refusal)
        .startsWith(
            "test.conf: 1: part.at: must choose blocks like \"5\", \"2:6\" or \"3::4\", but is ");
  }

  @Test
  void refusesStepsAndNumbersOutOfRange() {
    assertEquals(
        "test.conf: 1: part.at: must have a step of at least 1",
        Texts.refusal(() -> slice("\"1::0\"")));
    assertEquals(
        "test.conf: 1: part.at: has a number that is too large",
        Texts.refusal(() -> slice("\"1:99999999999\"")));
  }
}
