package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
  private static final int SIZE = 1_000;
  private static final String THREAD = "hydra-data";

  private final List<WindowSampler> members;
  private final Mixture mixture;

  SamplerTest(@TempDir Path folder) {
    Corpus corpus = Texts.corpus(folder, SIZE);
    // member 0 has many windows, the others few: they begin new epochs while it goes on
    members =
        List.of(
            new WindowSampler(corpus, List.of(new Range(0, 800)), LENGTH, 1),
            new WindowSampler(corpus, List.of(new Range(800, 840)), LENGTH, 2),
            new WindowSampler(corpus, List.of(new Range(840, 1000)), LENGTH, 3));
    mixture = new Mixture(members, new double[] {5, 3, 2}, 7);
  }

  /** The samples in order: from each member its own, in its own order, however they are mixed. */
  private List<List<Long>> list(int count) {
    long[] next = new long[members.size()];
    List<List<Long>> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int member = mixture.member(i);
      Batch one = new Batch(1, LENGTH + 1);
      assertTrue(next[member] >= 0);
      members.get(member).read(inBlock(member, i), one, 0);
      next[member]++;
      all.add(rows(one).get(0));
    }
    return all;
  }

  private long inBlock(int member, int number) {
    return mixture.numberInMember(number) + 0L * member;
  }

  private static List<List<Long>> rows(Batch batch) {
    long[] predicted = batch.predicted();
    List<List<Long>> rows = new ArrayList<>();
    for (int row = 0; row < batch.rows(); row++) {
      rows.add(
          LongStream.of(Arrays.copyOfRange(predicted, row * LENGTH, (row + 1) * LENGTH))
              .boxed()
              .toList());
    }
    return rows;
  }
}
