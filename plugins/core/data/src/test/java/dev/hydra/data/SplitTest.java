package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SplitTest {
  @ParameterizedTest
  @CsvSource({
    "1, 0.05",
    "10, 0.05",
    "5000, 0.05",
    "200000, 0.3",
    "4400001, 0.05",
    "100000000, 0.05",
    "2147483639, 0.05",
    "777777, 0.99",
    "1000, 0"
  })
  void rangesAreDisjointAndCoverTheCorpus(int size, double fraction) {
    Split split = Split.of(size, fraction);
    List<Range> all = new ArrayList<>(split.train());
    all.addAll(split.validation());
    all.sort(Comparator.comparingLong(Range::from));
    long end = 0;
    for (Range range : all) {
      assertEquals(end, range.from());
      assertTrue(range.size() > 0);
      end = range.to();
    }
    assertEquals(size, end);
    long heldOut = split.validation().stream().mapToLong(Range::size).sum();
    assertEquals(size * fraction, (double) heldOut, split.validation().size());
  }

  @Test
  void validationIsSpreadOverTheWholeCorpus() {
    int size = 10_000_000;
    Split split = Split.of(size, 0.05);
    assertEquals(15, split.validation().size());
    for (int i = 0; i < 15; i++) {
      int middle = (int) (size * (i + 0.5) / 15);
      Range range = split.validation().get(i);
      assertTrue(Math.abs(range.from() - middle) < size / 15, range + " is not near " + middle);
    }
  }

  @Test
  void piecesAreLongEnoughForLongWindows() {
    for (int size = 1_000_000; size < 50_000_000; size += 777_777) {
      List<Range> pieces = Split.of(size, 0.05).validation();
      assertTrue(pieces.size() <= 64);
      assertThat(pieces).allMatch(piece -> piece.size() >= 32_768);
    }
  }

  @Test
  void aSmallCorpusHoldsOutItsEnd() {
    assertEquals(
        new Split(List.of(new Range(0, 950)), List.of(new Range(950, 1000))), Split.of(1000, 0.05));
  }

  @Test
  void aFractionOutsideItsRangeIsRefused() {
    for (double fraction : new double[] {-0.1, 1, Double.NaN}) {
      assertThrows(IllegalArgumentException.class, () -> Split.of(1000, fraction));
    }
  }
}
