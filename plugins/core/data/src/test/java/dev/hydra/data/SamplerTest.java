package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SamplerTest {
  private static final int LENGTH = 4;
  private static final int[] COUNTS = {5, 3, 2};

  private final List<WindowSampler> members;
  private final Mixture mixture;

  SamplerTest(@TempDir Path folder) {
    Corpus corpus = Texts.corpus(folder, 1000);
    members =
        List.of(
            new WindowSampler(corpus, List.of(new Range(0, 800)), LENGTH, 1),
            new WindowSampler(corpus, List.of(new Range(800, 840)), LENGTH, 2),
            new WindowSampler(corpus, List.of(new Range(840, 1000)), LENGTH, 3));
    mixture = new Mixture(members, new double[] {5, 3, 2}, 7);
  }

  @Test
  void everyMemberGivesItsSamplesInOrderAsOftenAsItsWeightSays() {
    for (int block = 0; block < 100; block++) {
      List<TreeSet<Long>> taken = List.of(new TreeSet<>(), new TreeSet<>(), new TreeSet<>());
      for (int i = 0; i < 10; i++) {
        long number = 10L * block + i;
        taken.get(mixture.member(number)).add(mixture.numberInMember(number));
      }
      for (int member = 0; member < 3; member++) {
        long begin = (long) block * COUNTS[member];
        assertEquals(
            LongStream.range(begin, begin + COUNTS[member]).boxed().toList(),
            List.copyOf(taken.get(member)));
      }
    }
  }

  @Test
  void weightsThatAreNoWholePartsAreCloseToWhatTheySay() {
    Mixture uneven = new Mixture(members, new double[] {0.7, 0.2999, 0.0001}, 1);
    int[] counts = new int[3];
    for (int i = 0; i < 100_000; i++) {
      counts[uneven.member(i)]++;
    }
    assertEquals(70_000, counts[0], 100);
    assertEquals(29_990, counts[1], 100);
    assertTrue(counts[2] > 0);
  }

  @Test
  void batchesOfAnySizeFromAnySampleFollowTheList() {
    List<List<Long>> list = list(700); // of the second source more than 20 epochs
    try (Sampler sampler = sampler()) {
      for (int size : new int[] {1, 8, 8, 8, 3, 100}) {
        int from = (int) sampler.position();
        assertEquals(list.subList(from, from + size), rows(sampler.next(size)));
      }
      for (int from : new int[] {0, 128, 17, 695}) {
        sampler.seek(from);
        assertEquals(list.subList(from, from + 5), rows(sampler.next(5)));
      }
    }
  }

  @Test
  void ranksTakeTogetherWhatASingleOneTakes() {
    List<List<Long>> list = list(600);
    List<List<Long>> found = new ArrayList<>();
    try (Sampler all = sampler();
        Sampler first = all.ofRank(0, 2);
        Sampler second = all.ofRank(1, 2)) {
      for (int i = 0; i < 60; i++) {
        found.addAll(rows(first.next(5)));
        found.addAll(rows(second.next(5)));
      }
      assertEquals(600, first.position());
      assertThrows(IllegalArgumentException.class, () -> all.ofRank(2, 2));
    }
    assertEquals(list, found);
  }

  @Test
  void whatGoesWrongAheadComesOutWhereItIsAskedFor() {
    CorpusException gone = new CorpusException("the disk is gone");
    Samples failing =
        new Samples() {
          @Override
          public long count() {
            return 10;
          }

          @Override
          public void read(long number, Batch into, int row) {
            if (number == 2) {
              throw gone;
            }
          }
        };
    try (Sampler sampler = new Sampler(failing, LENGTH)) {
      sampler.next(1);
      sampler.next(1);
      assertSame(gone, assertThrows(CorpusException.class, () -> sampler.next(1)));
      assertEquals(2, sampler.position(), "it was not taken");
      sampler.seek(3);
      sampler.next(1);
    }
  }

  @Test
  void theThreadEndsWhenItIsClosedAndBeginsAgain() throws InterruptedException {
    List<List<Long>> list = list(4);
    Sampler sampler = sampler();
    sampler.next(2);
    List<Thread> running = threads();
    assertThat(running).isNotEmpty();
    sampler.close();
    for (Thread each : running) {
      each.join(10_000);
    }
    assertThat(threads()).isEmpty();
    assertEquals(list.subList(2, 4), rows(sampler.next(2)));
    sampler.close();
  }

  private static List<Thread> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("hydra-data"))
        .toList();
  }

  private Sampler sampler() {
    return new Sampler(mixture, LENGTH);
  }

  /** The first samples, read from the sources themselves. */
  private List<List<Long>> list(int count) {
    List<List<Long>> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Batch one = new Batch(1, LENGTH + 1);
      members.get(mixture.member(i)).read(mixture.numberInMember(i), one, 0);
      all.addAll(rows(one));
    }
    return all;
  }

  private static List<List<Long>> rows(Batch batch) {
    long[] predicted = batch.predicted();
    List<List<Long>> rows = new ArrayList<>();
    for (int from = 0; from < predicted.length; from += LENGTH) {
      rows.add(LongStream.of(Arrays.copyOfRange(predicted, from, from + LENGTH)).boxed().toList());
    }
    return rows;
  }
}
