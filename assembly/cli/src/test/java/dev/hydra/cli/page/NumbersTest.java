package dev.hydra.cli.page;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NumbersTest {
  @ParameterizedTest
  @CsvSource({"3e-4,0.0003", "0.001,0.001", "1.5e-7,0.00000015", "2,2", "1000,1000", "0,0"})
  void settingsAreWrittenWithoutExponent(double number, String written) {
    assertEquals(written, Numbers.plain(number));
  }

  @ParameterizedTest
  @CsvSource({"12345678,12.3M", "0.00031,3.1e-04", "0.5,0.5", "999,999", "1000,1k"})
  void figuresHaveThreeDigits(double number, String written) {
    assertEquals(written, Numbers.shorter(number));
  }
}
