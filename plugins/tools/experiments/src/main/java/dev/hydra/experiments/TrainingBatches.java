package dev.hydra.experiments;

import dev.hydra.tasks.Example;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/**
 * The batches of a training, in order: examples of all trained conditions in turn, padded to the
 * longest, or, grouped by length, of one condition a step. While a step is taken the next one is
 * made on a thread of its own: a step of a small model takes no longer than making its examples.
 */
final class TrainingBatches implements AutoCloseable {
  private final Examples examples;
  private final int seed;
  private final Budget budget;
  private final ExecutorService maker =
      Executors.newSingleThreadExecutor(
          work -> {
            Thread thread = new Thread(work, "hydra-examples");
            thread.setDaemon(true);
            return thread;
          });
  private long step;
  private Future<long[]> made;

  /** Begins with the first batch of a seed. */
  TrainingBatches(Examples examples, int seed, Budget budget) {
    this.examples = examples;
    this.seed = seed;
    this.budget = budget;
    this.made = make();
  }

  private Future<long[]> make() {
    long of = step++;
    return maker.submit(() -> labelled(of));
  }

  private long[] labelled(long of) {
    long first = of * budget.batchSize();
    List<Example> rows =
        LongStream.range(first, first + budget.batchSize())
            .mapToObj(
                number ->
                    budget.groupByLength()
                        ? examples.training(seed, number, examples.condition(of))
                        : examples.training(seed, number))
            .toList();
    return new ExampleBatch(rows, length(examples, budget, of)).labelled();
  }

  private static int length(Examples examples, Budget budget, long step) {
    StudyTask task = examples.task();
    return budget.groupByLength()
        ? task.task().conditions().get(examples.condition(step)).length()
        : task.length();
  }

  /** Returns the tokens of so many steps, padding included. */
  static long tokens(Examples examples, Budget budget, int steps) {
    return IntStream.range(0, steps)
        .mapToLong(step -> (long) budget.batchSize() * length(examples, budget, step))
        .sum();
  }

  /** Returns the next batch, as {@link ExampleBatch#windows}. */
  Tensor next() {
    try {
      long[] values = made.get();
      made = make();
      return Tensor.create(values, 2, budget.batchSize(), values.length / 2L / budget.batchSize());
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
