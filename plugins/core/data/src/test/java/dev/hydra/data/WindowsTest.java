package dev.hydra.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WindowsTest {
  private static final int SIZE = 300_000;
  private static final int LENGTH = 100;

  private final Corpus corpus;
  private final Split split;

  WindowsTest(@TempDir Path folder) {
    corpus = Texts.corpus(folder, SIZE);
    split = Split.of(SIZE, 0.3);
    assertEquals(2, split.validation().size());
  }

  @Test
  void anEpochTakesEveryWindowOnce() {
    WindowSampler sampler = sampler(7);
    long count = sampler.count();
    assertTrue(count > 0.98 * SIZE * 0.7 / LENGTH, "only " + count);
    for (int epoch = 0; epoch < 3; epoch++) {
      BitSet targets = new BitSet();
      for (long i = 0; i < count; i++) {
        int start = (int) sampler.start(epoch * count + i);
        assertTrue(targets.get(start + 1, start + LENGTH + 1).isEmpty(), "windows overlap");
        targets.set(start + 1, start + LENGTH + 1);
        assertTrue(
            split.train().stream()
                .anyMatch(range -> range.from() <= start && start + LENGTH < range.to()),
            "a window crosses a border");
      }
      assertEquals(count * LENGTH, targets.cardinality());
    }
  }

  @Test
  void bordersMoveFromEpochToEpochSoThatEveryTokenIsTakenOnce() {
    WindowSampler sampler = sampler(7);
    BitSet targets = new BitSet();
    for (long i = 0; i < 40 * sampler.count(); i++) {
      int start = (int) sampler.start(i);
      targets.set(start + 1, start + LENGTH + 1);
    }
    int most = split.train().stream().mapToInt(range -> (int) range.size() - 1).sum();
    assertTrue(targets.cardinality() > most - LENGTH / 2, targets.cardinality() + " of " + most);
  }

  @Test
  void theOrderIsMixed() {
    WindowSampler sampler = sampler(7);
    long count = sampler.count();
    double covariance = 0;
    int rises = 0;
    for (long i = 0; i < count; i++) {
      covariance += (i / (double) count - 0.5) * (sampler.start(i) / (double) SIZE - 0.5);
      rises += i > 0 && sampler.start(i) > sampler.start(i - 1) ? 1 : 0;
    }
    assertEquals(0, covariance / count * 12, 0.1);
    assertEquals(0.5, rises / (double) count, 0.05);
  }

  @Test
  void theSameSeedGivesTheSameOrderAndAnotherAnother() {
    assertArrayEquals(starts(sampler(7)), starts(sampler(7)));
    assertNotEquals(List.of(starts(sampler(7))), List.of(starts(sampler(8))));
    assertTrue(common(starts(sampler(7)), starts(sampler(8))) < 20);
  }

  @Test
  void anEpochDiffersFromTheOneBefore() {
    WindowSampler sampler = sampler(7);
    long count = sampler.count();
    long[] first = LongStream.range(0, count).map(sampler::start).toArray();
    long[] second = LongStream.range(count, 2 * count).map(sampler::start).toArray();
    assertTrue(common(first, second) < 20);
  }

  @Test
  void resumingAtASampleEqualsContinuing() {
    try (Sampler through = new Sampler(sampler(7), LENGTH);
        Sampler resumed = new Sampler(sampler(7), LENGTH)) {
      long start = through.samplesPerEpoch() - 10;
      through.seek(start);
      for (int i = 0; i < 3; i++) {
        through.next(4);
      }
      resumed.seek(through.position());
      assertEquals(start + 12, resumed.position());
      for (int i = 0; i < 3; i++) {
        assertArrayEquals(through.next(4).predicted(), resumed.next(4).predicted());
      }
    }
  }

  @Test
  void aBatchHoldsTheTokensOfItsWindows() {
    WindowSampler order = sampler(7);
    try (Sampler sampler = new Sampler(order, LENGTH)) {
      sampler.seek(5);
      Tensor batch = sampler.next(3).tokens();
      assertEquals(ScalarType.Long, Tensors.type(batch));
      assertArrayEquals(new long[] {3, LENGTH + 1}, Tensors.sizes(batch));
      long[] expected =
          LongStream.range(5, 8)
              .flatMap(
                  sample ->
                      LongStream.rangeClosed(0, LENGTH)
                          .map(i -> corpus.token(order.start(sample) + (int) i)))
              .toArray();
      assertArrayEquals(expected, Tensors.integers(batch));
    }
  }

  @Test
  void validationPredictsEveryHeldOutTokenOnceInOrder() {
    ValidationWindows windows = validation(split.validation());
    LongStream.Builder wanted = LongStream.builder();
    for (Range range : split.validation()) {
      for (long i = range.from() + 1; i < range.to(); i++) {
        wanted.add(corpus.token(i));
      }
    }
    LongStream.Builder found = LongStream.builder();
    for (int i = 0; i < windows.count(); i += 7) {
      LongStream.of(windows.batch(i, 7).predicted()).forEach(found::add);
    }
    assertArrayEquals(wanted.build().toArray(), found.build().toArray());
  }

  @Test
  void theLastWindowOfATextIsFilledUpWithWhatIsNotPredicted() {
    ValidationWindows windows = validation(List.of(new Range(10, 10 + 2 * LENGTH + 4)));
    assertEquals(3, windows.count());
    Batch last = windows.batch(1, 4);
    assertEquals(2, last.rows());
    assertEquals(LENGTH + 3, last.predicted().length);
    long[] labels = Tensors.integers(last.labels());
    assertEquals(corpus.token(10 + 2 * LENGTH + 3), labels[LENGTH + 1 + 3]);
    assertEquals(Batch.IGNORED, labels[LENGTH + 1 + 4]);
    assertEquals(Batch.IGNORED, labels[2 * LENGTH + 1]);
  }

  @Test
  void nothingHeldOutGivesNoValidation() {
    assertEquals(0, validation(Split.of(SIZE, 0).validation()).count());
    assertEquals(0, validation(List.of(new Range(3, 4))).count());
  }

  @Test
  void theOnlyWindowOfARangeIsTaken() {
    WindowSampler sampler = new WindowSampler(corpus, List.of(new Range(50, 151)), LENGTH, 1);
    assertEquals(1, sampler.count());
    assertEquals(50, sampler.start(0));
    assertEquals(50, sampler.start(9));
  }

  @Test
  void noRoomForAWindowIsRefused() {
    List<Range> tooShort = List.of(new Range(0, 100), new Range(200, 300));
    CorpusException train =
        assertThrows(CorpusException.class, () -> new WindowSampler(corpus, tooShort, LENGTH, 1));
    assertEquals(
        "no piece of the text to train on has the 101 tokens of a window (the longest has 100);"
            + " use more text or a shorter sequence",
        train.getMessage());
  }

  @Test
  void samplesBeforeTheFirstAreRefused() {
    try (Sampler sampler = new Sampler(sampler(7), LENGTH)) {
      assertThrows(IllegalArgumentException.class, () -> sampler.seek(-1));
    }
  }

  @Test
  void batchesLeaveNothingBehind() {
    try (Sampler sampler = new Sampler(sampler(7), LENGTH)) {
      Handles.assertFlat(() -> sampler.next(4).tokens());
    }
  }

  private ValidationWindows validation(List<Range> ranges) {
    return new ValidationWindows(new TextWindows(corpus, ranges, LENGTH), LENGTH);
  }

  private WindowSampler sampler(long seed) {
    return new WindowSampler(corpus, split.train(), LENGTH, seed);
  }

  private static long[] starts(WindowSampler sampler) {
    return LongStream.range(0, sampler.count()).map(sampler::start).toArray();
  }

  private static long common(long[] a, long[] b) {
    return LongStream.range(0, Math.min(a.length, b.length))
        .filter(i -> Math.abs(a[(int) i] - b[(int) i]) < LENGTH)
        .count();
  }
}
