package dev.hydra.experiments;

import dev.hydra.tasks.Example;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/**
 * The batches of a training, in order. While a step is taken the next one is made on a thread of
 * its own: a step of a small model takes no longer than making its examples.
 */
final class TrainingBatches implements AutoCloseable {
  private final Examples examples;
  private final int seed;
  private final int batchSize;
  private final int length;
  private final ExecutorService maker =
      Executors.newSingleThreadExecutor(
          work -> {
            Thread thread = new Thread(work, "hydra-examples");
            thread.setDaemon(true);
            return thread;
          });
  private long next;
  private Future<long[]> made;

  /** Begins with the first batch of a seed. */
  TrainingBatches(Examples examples, int seed, int batchSize, int length) {
    this.examples = examples;
    this.seed = seed;
    this.batchSize = batchSize;
    this.length = length;
    this.made = make();
  }

  private Future<long[]> make() {
    long first = next;
    next += batchSize;
    return maker.submit(() -> labelled(first));
  }

  private long[] labelled(long first) {
    List<Example> rows =
        LongStream.range(first, first + batchSize)
            .mapToObj(number -> examples.training(seed, number))
            .toList();
    return new ExampleBatch(rows, length).labelled();
  }

  /** Returns the next batch, as {@link ExampleBatch#windows}. */
  Tensor next() {
    try {
      long[] values = made.get();
      made = make();
      return Tensor.create(values, 2, batchSize, length + 1L);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException cause
          ? cause
          : new IllegalStateException("examples cannot be made", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while examples were made", e);
    }
  }

  @Override
  public void close() {
    maker.shutdownNow();
  }
}
