package dev.hydra.libtorch.io;

import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Threads that read pieces of files: one alone is slower than memory. */
public final class FileThreads implements Closeable {
  /** More are not faster: together they are as fast as memory. */
  private static final int MOST = 8;

  private final int count;
  private final WorkerThreads threads;

  /** Starts threads, at most so many. */
  public FileThreads(int most) {
    count = Math.max(1, Math.min(MOST, most));
    threads = new WorkerThreads("hydra-files", count);
  }

  /** Returns how many threads there are. */
  public int count() {
    return count;
  }

  /** Lets a thread do something, when the tasks before it are begun. */
  public <T> Future<T> submit(Callable<T> task) {
    return threads.submit(task);
  }

  /**
   * Waits for a task.
   *
   * @throws IOException if the task threw it, or this thread is interrupted
   */
  public static <T> T result(Future<T> task) throws IOException {
    try {
      return task.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted = new InterruptedIOException("interrupted while reading");
      interrupted.initCause(e);
      throw interrupted;
    }
  }

  /** Ends the threads, see {@link WorkerThreads#close}. */
  @Override
  public void close() {
    threads.close();
  }
}
