package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class DocumentWindowsTest {
  private static final int LENGTH = 32;
  private static final int WIDTH = LENGTH + 1;

  /** A corpus whose token at an index is that index, so that windows say where they come from. */
  private static final class Numbers implements TokenSequence {
    private final long[] documentEnds;

    Numbers(long[] documentEnds) {
      this.documentEnds = documentEnds;
    }

    @Override
    public long[] documentEnds() {
      return documentEnds;
    }

    @Override
    public long size() {
      return documentEnds[documentEnds.length - 1];
    }

    @Override
    public void read(long from, long[] into, int offset, int count) {
      for (int i = 0; i < count; i++) {
        into[offset + i] = from + i;
      }
    }
  }

  private static Corpus corpus(int... sizes) {
    long[] ends = Arrays.stream(sizes).asLongStream().toArray();
    Arrays.parallelPrefix(ends, Long::sum);
    return new Corpus(new Numbers(ends));
  }

  private static int[] sizes(int count, long seed) {
    Random random = new Random(seed);
    // as of texts: many short ones, some longer than a window, some empty or of a token
    return random.ints(count, 0, 60).map(n -> n < 50 ? n / 2 : n * n / 20).toArray();
  }

  private static Corpus mixed() {
    return corpus(sizes(500, 1));
  }

  private static Batch read(Samples samples, long number) {
    Batch batch = new Batch(1, WIDTH);
    samples.read(number, batch, 0);
    return batch;
  }

  private static long[][] planes(Batch batch) {
    long[] all = Tensors.integers(batch.tensor());
    assertArrayEquals(new long[] {3, batch.rows(), WIDTH}, Tensors.sizes(batch.tensor()));
    int size = batch.rows() * WIDTH;
    return new long[][] {
      Arrays.copyOf(all, size),
      Arrays.copyOfRange(all, size, 2 * size),
      Arrays.copyOfRange(all, 2 * size, 3 * size)
    };
  }

  private static int documentOf(long[] ends, long token) {
    int document = 0;
    while (ends[document] <= token) {
      document++;
    }
    return document;
  }

  @Test
  void anEpochPredictsEveryTokenOfADocumentButItsFirstOnce() {
    Corpus corpus = mixed();
    long[] ends = corpus.documentEnds();
    Samples windows = Packing.DOCUMENTS.training(corpus, all(corpus), LENGTH, 7);
    TreeMap<Long, Integer> predicted = new TreeMap<>();
    for (long number = 0; number < windows.count(); number++) {
      for (long token : read(windows, number).predicted()) {
        predicted.merge(token, 1, Integer::sum);
      }
    }
    LongStream.Builder wanted = LongStream.builder();
    for (long token = 1; token < corpus.size(); token++) {
      if (documentOf(ends, token) == documentOf(ends, token - 1)) {
        wanted.add(token);
      }
    }
    assertThat(predicted.values()).containsOnly(1);
    assertThat(predicted.keySet()).containsExactly(wanted.build().boxed().toArray(Long[]::new));
  }

  @Test
  void whatIsPredictedFollowsATokenOfItsOwnDocument() {
    Corpus corpus = mixed();
    long[] ends = corpus.documentEnds();
    Samples windows = Packing.DOCUMENTS.training(corpus, all(corpus), LENGTH, 7);
    for (long number = 0; number < windows.count(); number++) {
      long[][] planes = planes(read(windows, number));
      for (int i = 1; i < WIDTH; i++) {
        long label = planes[1][i];
        boolean goesOn = planes[2][i] == planes[2][i - 1];
        assertTrue(goesOn || planes[2][i] == planes[2][i - 1] + 1, "documents count up");
        assertTrue(goesOn || label == Batch.IGNORED, "nothing is learnt across a border");
        if (label != Batch.IGNORED) {
          assertEquals(label, planes[0][i]);
          assertEquals(label - 1, planes[0][i - 1]);
          assertEquals(documentOf(ends, label), documentOf(ends, label - 1));
        }
      }
    }
  }

  @Test
  void documentsAreCutOnlyWhereTheyAreLongerThanAWindow() {
    Corpus corpus = corpus(20, 2 * WIDTH, 12, 1, 0, WIDTH);
    DocumentWindows windows = DocumentWindows.of(corpus, all(corpus), LENGTH);
    List<List<Long>> found = new ArrayList<>();
    for (int i = 0; i < windows.count(); i++) {
      found.add(LongStream.of(read(windows, i).predicted()).boxed().toList());
    }
    assertThat(found)
        .containsExactlyInAnyOrder(
            range(21, 20 + WIDTH),
            range(20 + WIDTH, 20 + 2 * WIDTH - 1),
            range(100, 99 + WIDTH),
            join(range(1, 20), range(87, 98)),
            range(85, 86));
  }

  @Test
  void theLeastRoomThatIsEnoughIsTaken() {
    Corpus corpus = corpus(25, 21, 6, 12, 2);
    DocumentWindows windows = DocumentWindows.of(corpus, all(corpus), LENGTH);
    assertEquals(2, windows.count());
    assertEquals(33, windows.filled(0)); // 25 + 6 + 2
    assertEquals(33, windows.filled(1)); // 21 + 12
    assertEquals(1.0, windows.filled());
  }

  @Test
  void windowsOfManyDocumentsAreNearlyFull() {
    Corpus corpus = corpus(sizes(20_000, 3));
    assertThat(DocumentWindows.of(corpus, all(corpus), LENGTH).filled()).isGreaterThan(0.99);
  }

  @Test
  void paddingIsADocumentOfItsOwnThatIsNotPredicted() {
    Corpus corpus = corpus(3, 2);
    long[][] planes = planes(read(DocumentWindows.of(corpus, all(corpus), LENGTH), 0));
    assertArrayEquals(new long[] {0, 1, 2, 3, 4, 0, 0}, Arrays.copyOf(planes[0], 7));
    assertArrayEquals(new long[] {-100, 1, 2, -100, 4, -100, -100}, Arrays.copyOf(planes[1], 7));
    assertArrayEquals(new long[] {0, 0, 0, 1, 1, 2, 2}, Arrays.copyOf(planes[2], 7));
    assertEquals(2, planes[2][LENGTH]);
  }

  @Test
  void aDocumentAtABorderOfRangesIsTwo() {
    Corpus corpus = corpus(10, 10);
    List<Range> ranges = List.of(new Range(0, 4), new Range(6, 20));
    DocumentWindows windows = DocumentWindows.of(corpus, ranges, LENGTH);
    assertEquals(1, windows.count());
    long[] predicted = LongStream.of(read(windows, 0).predicted()).sorted().toArray();
    assertArrayEquals(
        LongStream.concat(LongStream.of(1, 2, 3, 7, 8, 9), LongStream.range(11, 20)).toArray(),
        predicted);
  }

  @Test
  void batchesOfAnySizeFromAnySampleFollowTheList() {
    Corpus corpus = mixed();
    List<List<Long>> list = new ArrayList<>();
    Samples samples = Packing.DOCUMENTS.training(corpus, all(corpus), LENGTH, 5);
    for (long number = 0; number < 3 * samples.count(); number++) {
      list.add(rows(read(samples, number)).get(0));
    }
    int epoch = (int) samples.count();
    assertThat(list.subList(epoch, 2 * epoch)).isNotEqualTo(list.subList(0, epoch));
    assertThat(list.subList(epoch, 2 * epoch))
        .containsExactlyInAnyOrderElementsOf(list.subList(0, epoch));
    Samples again = Packing.DOCUMENTS.training(mixed(), all(corpus), LENGTH, 5);
    try (Sampler sampler = new Sampler(again, LENGTH)) {
      for (int size : new int[] {1, 8, 8, 3, 40}) {
        int from = (int) sampler.position();
        assertEquals(list.subList(from, from + size), rows(sampler.next(size)));
      }
      for (int from : new int[] {0, epoch - 2, 17, 2 * epoch + 1}) { // as a resumed run
        sampler.seek(from);
        assertEquals(list.subList(from, from + 5), rows(sampler.next(5)));
      }
    }
  }

  @Test
  void nothingToPredictIsRefused() {
    Corpus corpus = corpus(1, 1, 0, 1);
    assertThat(
            assertThrows(
                CorpusException.class,
                () -> Packing.DOCUMENTS.training(corpus, all(corpus), LENGTH, 1)))
        .hasMessageContaining("no document of the text to train on has two tokens");
  }

  private static List<Range> all(Corpus corpus) {
    return List.of(new Range(0, corpus.size()));
  }

  private static List<Long> range(long from, long to) {
    return LongStream.range(from, to).boxed().toList();
  }

  private static List<Long> join(List<Long> one, List<Long> other) {
    List<Long> both = new ArrayList<>(one);
    both.addAll(other);
    return both;
  }

  /** Tokens, labels and documents of each row. */
  private static List<List<Long>> rows(Batch batch) {
    long[][] planes = planes(batch);
    List<List<Long>> rows = new ArrayList<>();
    for (int row = 0; row < batch.rows(); row++) {
      List<Long> all = new ArrayList<>();
      for (long[] plane : planes) {
        LongStream.of(Arrays.copyOfRange(plane, row * WIDTH, (row + 1) * WIDTH)).forEach(all::add);
      }
      rows.add(all);
    }
    return rows;
  }
}
