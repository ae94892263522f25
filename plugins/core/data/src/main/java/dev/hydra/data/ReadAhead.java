package dev.hydra.data;

import java.util.ArrayDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Makes batches before they are asked for, on a thread of its own, which ends when this is closed
 * and begins again when more are asked for.
 */
final class ReadAhead implements AutoCloseable {
  private static final int DEPTH = 4;

  /** Makes the batch of some samples. */
  @FunctionalInterface
  interface Maker {
    Batch make(long position, int rows);
  }

  private record Ahead(long position, int rows, Future<Batch> batch) {}

  private final Maker maker;
  private final long ranks;
  private final ArrayDeque<Ahead> queue = new ArrayDeque<>();
  private @Nullable ExecutorService thread;

  /**
   * Creates what reads ahead.
   *
   * @param ranks how many batches a step takes, one of which is made here
   */
  ReadAhead(Maker maker, long ranks) {
    this.maker = maker;
    this.ranks = ranks;
  }

  /**
   * Returns the batch at a position; those after it, of the same size, are made meanwhile. What
   * goes wrong with one comes out here, as it was thrown.
   */
  Batch take(long position, int rows) {
    Ahead first = queue.peek();
    if (first != null && (first.position != position || first.rows != rows)) {
      forget();
    }
    long next = position + queue.size() * ranks * rows;
    while (queue.size() < DEPTH) {
      long from = next;
      queue.add(new Ahead(from, rows, thread().submit(() -> maker.make(from, rows))));
      next += ranks * rows;
    }
    try {
      Batch batch = queue.element().batch.get();
      queue.remove();
      return batch;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the next batch was read", e);
    } catch (ExecutionException e) {
      forget();
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException("the next batch cannot be read: " + e.getCause(), e);
    }
  }

  private ExecutorService thread() {
    ExecutorService running = thread;
    if (running == null) {
      running =
          Executors.newSingleThreadExecutor(
              action -> {
                Thread made = new Thread(action, "hydra-data");
                made.setDaemon(true);
                return made;
              });
      thread = running;
    }
    return running;
  }

  private void forget() {
    queue.forEach(each -> each.batch.cancel(false));
    queue.clear();
  }

  @Override
  public void close() {
    forget();
    if (thread != null) {
      thread.shutdownNow();
      thread = null;
    }
  }
}
