package dev.hydra.tck;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/**
 * Documents packed into a batch.
 *
 * @param rows the lengths of each row's documents
 */
record Documents(List<int[]> rows) {
  private static final long SEED = 4;

  /** Random lengths, of at most half a row each and different in every row. */
  static Documents of(Subject subject) {
    SplittableRandom random = new SplittableRandom(SEED);
    List<int[]> rows = new ArrayList<>();
    for (int row = 0; row < subject.batch(); row++) {
      rows.add(lengths(random, subject.time(), subject.time() / 2));
    }
    return new Documents(rows);
  }

  /** int64 [batch, time]: the number of each token's document. */
  Tensor numbers() {
    return Tensors.stack(0, rows.stream().map(Documents::numbers).toArray(Tensor[]::new));
  }

  private static Tensor numbers(int[] lengths) {
    return Tensor.create(
        IntStream.range(0, lengths.length)
            .boxed()
            .flatMapToLong(document -> LongStream.generate(() -> document).limit(lengths[document]))
            .toArray());
  }

  /** Random lengths, each at most {@code longest}, that add up to {@code total}. */
  static int[] lengths(SplittableRandom random, int total, int longest) {
    List<Integer> lengths = new ArrayList<>();
    int left = total;
    while (left > 0) {
      int length = Math.min(left, random.nextInt(1, longest + 1));
      lengths.add(length);
      left -= length;
    }
    return lengths.stream().mapToInt(Integer::intValue).toArray();
  }
}
