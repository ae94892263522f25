package dev.hydra.serve;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Ends connections of clients that do not send what they began: when a body is not there in time,
 * the client is told so, and whoever reads it learns that. The server of the JDK would wait, and
 * then close the connection without a word.
 */
public final class ReadTimeout implements AutoCloseable {
  private final Duration limit;
  private final ScheduledThreadPoolExecutor watch;

  /** Begins to watch, with a thread until it is closed. */
  public ReadTimeout(Duration limit) {
    this.limit = limit;
    watch = new ScheduledThreadPoolExecutor(1, task -> daemon(task, "hydra-http-unsent"));
    watch.setRemoveOnCancelPolicy(true);
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  /** Reads a body; an error is one that the client is told. */
  public interface Reading {
    /** Returns all of it. */
    byte[] read();
  }

  /** Answers a client that was too slow, with all of an answer that is to be sent. */
  public interface Refusing {
    /** Sends the answer. */
    void refuse() throws IOException;
  }

  /** The body was not there in time, which the client has been told: nobody else is to answer. */
  public static final class TooSlowException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private TooSlowException() {
      super("the body took too long");
    }
  }

  /**
   * Reads a body within the time.
   *
   * @param refusing is called by another thread, while the reading one still waits for bytes
   * @throws TooSlowException if it was called; the connection has been closed
   */
  public byte[] read(Reading reading, Refusing refusing) {
    Read read = new Read(Thread.currentThread(), refusing);
    Future<?> late =
        watch.schedule(
            () -> daemon(read::refuse, "hydra-http-late").start(), // it may wait for the client
            limit.toMillis(),
            TimeUnit.MILLISECONDS);
    try {
      byte[] bytes = reading.read();
      read.end();
      return bytes;
    } catch (RuntimeException e) {
      read.end();
      throw e;
    } finally {
      late.cancel(false);
    }
  }

  @Override
  public void close() {
    watch.shutdownNow();
  }

  /**
   * A body that is being read. An interrupt closes the channel that a thread reads from, see {@link
   * java.nio.channels.InterruptibleChannel}; to close the exchange would wait for the reading.
   */
  private static final class Read {
    private final Thread thread;
    private final Refusing refusing;
    private boolean ended;
    private boolean refused;

    Read(Thread thread, Refusing refusing) {
      this.thread = thread;
      this.refusing = refusing;
    }

    synchronized void refuse() {
      if (ended) {
        return;
      }
      refused = true;
      try {
        refusing.refuse();
      } catch (IOException e) {
        // The client has gone: it is told nothing.
      } finally {
        thread.interrupt();
      }
    }

    synchronized void end() {
      ended = true;
      if (refused) {
        Thread.interrupted();
        throw new TooSlowException();
      }
    }
  }
}
