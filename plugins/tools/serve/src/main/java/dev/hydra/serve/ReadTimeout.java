package dev.hydra.serve;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
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
  /** How long a client that has its answer may go on to send what nobody reads. */
  private static final Duration LINGER = Duration.ofSeconds(2);

  private static final int BUFFER = 8192;
  private static final String LENGTH = "Content-Length";
  private static final String CHUNKS = "Transfer-Encoding";

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

  /** A body cannot be had; the message is for the client. */
  public static final class BodyException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** The body is longer than it may be. */
    public static final int TOO_LONG = 413;

    private static final int MALFORMED = 400;

    private final int status;

    private BodyException(int status, String message) {
      super(message);
      this.status = status;
    }

    /** Returns the status of the answer: {@link #TOO_LONG}, or 400 for a body that breaks off. */
    public int status() {
      return status;
    }
  }

  private interface Reading {
    byte[] read();
  }

  /**
   * Reads a body within the time. One that is said to be too long is not waited for.
   *
   * @param longest the most bytes that it may have
   * @param refusing is called by another thread, while the reading one still waits for bytes
   * @throws TooSlowException if it was called; the connection has been closed
   * @throws BodyException if the body is too long, breaks off or is malformed
   */
  public byte[] read(HttpExchange exchange, int longest, Refusing refusing) {
    Headers headers = exchange.getRequestHeaders();
    if (!headers.containsKey(CHUNKS) && length(headers) > longest) {
      throw tooLong(longest);
    }
    return within(limit, () -> bytes(exchange.getRequestBody(), longest), refusing);
  }

  private static long length(Headers headers) {
    String length = headers.getFirst(LENGTH);
    return length == null ? 0 : Long.parseLong(length);
  }

  private static byte[] bytes(InputStream in, int longest) {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    byte[] buffer = new byte[BUFFER];
    try {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        body.write(buffer, 0, read);
        if (body.size() > longest) {
          throw tooLong(longest);
        }
      }
    } catch (IOException | IndexOutOfBoundsException e) { // the latter of a chunk's length
      throw new BodyException(
          BodyException.MALFORMED, "the body broke off, or its chunks are malformed");
    }
    return body.toByteArray();
  }

  private static BodyException tooLong(int longest) {
    return new BodyException(
        BodyException.TOO_LONG, "the body is longer than " + longest + " bytes");
  }

  /**
   * Throws away what is left of the body of a request that has been answered, for a short time:
   * with bytes unread the connection would be reset, by which a client can lose its answer. If
   * there is more after that time, the connection is closed.
   */
  void discard(HttpExchange exchange) {
    try {
      within(LINGER, () -> discarded(exchange.getRequestBody()), () -> {});
    } catch (TooSlowException e) {
      // The connection is closed.
    }
  }

  private static byte[] discarded(InputStream in) {
    try {
      in.transferTo(OutputStream.nullOutputStream());
    } catch (IOException | IndexOutOfBoundsException e) {
      // It ends here, and so does the connection.
    }
    return new byte[0];
  }

  /** Says whether the headers of a request tell of a body. */
  static boolean tellsOfBody(HttpExchange exchange) {
    Headers headers = exchange.getRequestHeaders();
    return headers.containsKey(CHUNKS) || length(headers) > 0;
  }

  private byte[] within(Duration time, Reading reading, Refusing refusing) {
    Read read = new Read(Thread.currentThread(), refusing);
    Future<?> late =
        watch.schedule(
            () -> daemon(read::refuse, "hydra-http-late").start(), // it may wait for the client
            time.toMillis(),
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
