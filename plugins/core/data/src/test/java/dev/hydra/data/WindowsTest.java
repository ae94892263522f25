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
    long count = sampler.samplesPerEpoch();
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
    for (long i = 0; i < 40 * sampler.samplesPerEpoch(); i++) {
      int start = (int) sampler.start(i);
      targets.set(start + 1, start + LENGTH + 1);
    }
    int most = split.train().stream().mapToInt(range -> (int) range.size() - 1).sum();
    assertTrue(targets.cardinality() > most - LENGTH / 2, targets.cardinality() + " of " + most);
  }

  @Test
  void theOrderIsMixed() {
    WindowSampler sampler = sampler(7);
    long count = sampler.samplesPerEpoch();
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
    long count = sampler.samplesPerEpoch();
    long[] first = LongStream.range(0, count).map(sampler::start).toArray();
    long[] second = LongStream.range(count, 2 * count).map(sampler::start).toArray();
    assertTrue(common(first, second) < 20);
  }

  @Test
  void resumingAtASampleEqualsContinuing() {
    WindowSampler through = sampler(7);
    WindowSampler resumed = sampler(7);
    long start = through.samplesPerEpoch() - 10;
    through.seek(start);
    for (int i = 0; i < 3; i++) {
      Tensors.integers(through.next(4));
    }
    resumed.seek(through.position());
    assertEquals(start + 12, resumed.position());
    for (int i = 0; i < 3; i++) {
      assertArrayEquals(Tensors.integers(through.next(4)), Tensors.integers(resumed.next(4)));
    }
  }

  @Test
  void aBatchHoldsTheTokensOfItsWindows() {
    WindowSampler sampler = sampler(7);
    sampler.seek(5);
    Tensor batch = sampler.next(3);
    assertEquals(ScalarType.Long, Tensors.type(batch));
    assertArrayEquals(new long[] {3, LENGTH + 1}, Tensors.sizes(batch));
    long[] expected =
        LongStream.range(5, 8)
            .flatMap(
                sample ->
                    LongStream.rangeClosed(0, LENGTH)
                        .map(i -> corpus.token(sampler.start(sample) + (int) i)))
            .toArray();
    assertArrayEquals(expected, Tensors.integers(batch));
  }

  @Test
  void validationScoresEveryHeldOutTokenAtMostOnceInOrder() {
    ValidationWindows windows = new ValidationWindows(corpus, split.validation(), LENGTH);
    BitSet targets = new BitSet();
    int before = -1;
    for (int i = 0; i < windows.count(); i++) {
      int start = (int) windows.start(i);
      assertTrue(start > before, "out of order");
      before = start;
      assertTrue(targets.get(start + 1, start + LENGTH + 1).isEmpty(), "scored twice");
      targets.set(start + 1, start + LENGTH + 1);
    }
    BitSet heldOut = new BitSet();
    split.validation().forEach(range -> heldOut.set((int) range.from() + 1, (int) range.to()));
    int most = heldOut.cardinality();
    heldOut.and(targets);
    assertEquals(targets, heldOut, "a window leaves the held-out text");
    assertTrue(targets.cardinality() > most - split.validation().size() * LENGTH);
  }

  @Test
  void validationBatchesFollowEachOtherAndEndShort() {
    ValidationWindows windows = new ValidationWindows(corpus, split.validation(), LENGTH);
    int last = windows.count() - 2;
    Tensor batch = windows.batch(last, 4);
    assertArrayEquals(new long[] {2, LENGTH + 1}, Tensors.sizes(batch));
    assertEquals(corpus.token(windows.start(last + 1) + 3), Tensors.integers(batch)[LENGTH + 4]);
  }

  @Test
  void nothingHeldOutGivesNoValidation() {
    Split all = Split.of(SIZE, 0);
    assertEquals(0, new ValidationWindows(corpus, all.validation(), LENGTH).count());
  }

  @Test
  void theOnlyWindowOfARangeIsTaken() {
    WindowSampler sampler = new WindowSampler(corpus, List.of(new Range(50, 151)), LENGTH, 1);
    assertEquals(1, sampler.samplesPerEpoch());
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
    CorpusException validation =
        assertThrows(CorpusException.class, () -> new ValidationWindows(corpus, tooShort, LENGTH));
    assertEquals(
        "no piece of the text held out has the 101 tokens of a window (the longest has 100);"
            + " hold out more, or use more text or a shorter sequence",
        validation.getMessage());
  }

  @Test
  void samplesBeforeTheFirstAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> sampler(7).seek(-1));
  }

  @Test
  void batchesLeaveNothingBehind() {
    WindowSampler sampler = sampler(7);
    Handles.assertFlat(() -> sampler.next(4));
  }

  private WindowSampler sampler(long seed) {
    return new WindowSampler(corpus, split.train(), LENGTH, seed);
  }

  private static long[] starts(WindowSampler sampler) {
    return LongStream.range(0, sampler.samplesPerEpoch()).map(sampler::start).toArray();
  }

  private static long common(long[] a, long[] b) {
    return LongStream.range(0, Math.min(a.length, b.length))
        .filter(i -> Math.abs(a[(int) i] - b[(int) i]) < LENGTH)
        .count();
  }
}
