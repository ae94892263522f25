package dev.hydra.mixer.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** How many pairs a pattern grants. */
class SparsePatternTest {
  private static final List<SparsePattern> PATTERNS =
      List.of(
          SparsePattern.full(),
          SparsePattern.local(1),
          SparsePattern.local(7),
          new SparsePattern(4, 3, 0),
          new SparsePattern(4, 3, 5),
          new SparsePattern(9, 1, 2),
          new SparsePattern(2, 8, 100));

  @Test
  void pairsAreTheSumOverTokens() {
    for (SparsePattern pattern : PATTERNS) {
      for (long from = 0; from < 60; from += 7) {
        for (long to = from + 1; to < 130; to += 11) {
          long sum =
              LongStream.range(from, to)
                  .map(t -> Math.min(t + 1, pattern.window()) + pattern.globals(t))
                  .sum();
          assertThat(pattern.pairs(from, to)).as("%s %d %d", pattern, from, to).isEqualTo(sum);
        }
      }
    }
  }

  @Test
  void anyNumberOfTokensIsCountedAtOnce() {
    for (SparsePattern pattern : PATTERNS) {
      assertThat(pattern.pairs(0, Long.MAX_VALUE)).isPositive().isFinite();
      assertThat(pattern.pairs(Long.MAX_VALUE - 1, Long.MAX_VALUE)).isPositive().isFinite();
    }
  }
}
