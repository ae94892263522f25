package dev.hydra.memory.workspace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(InScope.class)
class PackedChunksTest {
  /** Rows of documents of 3, 1 and 5 tokens, and of 9; chunks of 2. */
  @Test
  void completeChunksAreLaidOutOneAfterTheOther() {
    long[] documents = {5, 5, 5, 6, 9, 9, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    Tensor x = Tensors.range(0, 18, Tensor.create(documents)).view(2, 9, 1);
    PackedChunks chunks = PackedChunks.of(Tensor.create(documents, 2, 9), 2);
    long[] written = Tensors.integers(chunks.written(x));
    assertArrayEquals(new long[] {0, 1, 4, 5, 6, 7}, Arrays.copyOf(written, 6), "fourth: any");
    assertArrayEquals(
        new long[] {9, 10, 11, 12, 13, 14, 15, 16}, Arrays.copyOfRange(written, 8, 16));
    long[] first = Tensors.integers(chunks.first());
    assertArrayEquals(new long[] {1, 1, 0}, Arrays.copyOf(first, 3));
    assertArrayEquals(new long[] {1, 0, 0, 0}, Arrays.copyOfRange(first, 4, 8));
    assertArrayEquals(
        new long[] {1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0},
        Tensors.integers(chunks.unwritten()));
  }

  @ParameterizedTest
  @CsvSource({"1, 2, 1", "2, 40, 3", "3, 65, 8", "2, 33, 32", "4, 100, 7", "1, 9, 8"})
  void everyTokenReadsTheChunkBefore(int batch, int time, int chunk) {
    SplittableRandom random = new SplittableRandom(time);
    for (int longest : new int[] {1, 2, chunk, chunk + 1, 3 * chunk, time}) {
      long[] documents = new long[batch * time];
      long[] position = new long[batch * time];
      for (int i = 0, left = 0; i < documents.length; i++) {
        boolean begins = i % time == 0 || left == 0;
        left = begins ? random.nextInt(longest) : left - 1;
        documents[i] = i == 0 ? 3 : documents[i - 1] + (begins ? 1 : 0);
        position[i] = begins ? 0 : position[i - 1] + 1;
      }
      PackedChunks chunks = PackedChunks.of(Tensor.create(documents, batch, time), chunk);
      long laidOut = batch * ((time - 1L) / chunk);
      assertEquals(laidOut, chunks.first().numel(), "whatever the documents are");
      assertEquals(laidOut * chunk, chunks.written().numel());
      Tensor token = Tensors.range(0, documents.length, Tensor.create(documents));
      Tensor x = token.view(batch, time, 1);
      Tensor chunkOf =
          Tensors.range(0, chunks.written().numel(), x)
              .view(batch, -1, 1)
              .floor_divide(number(chunk));
      // Each reader hears of the chunk that it reads.
      long[] read = Tensors.integers(chunks.merge(x.neg().sub(number(1)), chunkOf));
      long[] written = Tensors.integers(chunks.written(x));
      long[] readers = Tensors.integers(chunks.readers(x));
      long[] places = Tensors.integers(chunks.places());
      long[] first = Tensors.integers(chunks.first());
      for (int i = 0; i < documents.length; i++) {
        if (position[i] < chunk) {
          assertEquals(-i - 1, read[i], "nobody has written");
          continue;
        }
        assertEquals(i, readers[(int) places[i]], "its query is asked there");
        int begin = i - (int) (position[i] % chunk) - chunk;
        int which = (int) read[i];
        for (int j = 0; j < chunk; j++) {
          assertEquals(begin + j, written[which * chunk + j], "token " + j + " before " + i);
        }
        assertEquals(position[begin] == 0 ? 1 : 0, first[which]);
        if (first[which] == 0) {
          assertEquals(begin - 1, written[which * chunk - 1], "it goes on from the one before");
        }
      }
    }
  }

  private static Scalar number(long value) {
    return new Scalar(value);
  }
}
