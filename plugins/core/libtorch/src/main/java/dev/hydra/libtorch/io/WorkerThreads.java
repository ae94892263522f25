package dev.hydra.libtorch.io;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Threads that work on memory of the caller, and are gone when this is closed. */
public final class WorkerThreads implements AutoCloseable {
  private final ExecutorService threads;

  /**
   * Starts threads.
   *
   * @param name of each of them
   * @param count how many, at least one
   */
  public WorkerThreads(String name, int count) {
    threads =
        Executors.newFixedThreadPool(
            count,
            task -> {
              Thread thread = new Thread(task, name);
              thread.setDaemon(true);
              return thread;
            });
  }

  /** Lets a thread do something, when the tasks before it are begun. */
  public <T> Future<T> submit(Callable<T> task) {
    return threads.submit(task);
  }

  /**
   * Ends the threads: tasks that none has begun are dropped, those begun are interrupted and waited
   * for, so that nothing is written to memory that the caller frees next.
   */
  @Override
  public void close() {
    threads.shutdownNow();
    boolean interrupted = false;
    for (boolean ended = false; !ended; ) {
      try {
        ended = threads.awaitTermination(1, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
