package dev.hydra.serve;

import com.sun.net.httpserver.HttpExchange;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Ends connections of clients that do not read: what is written goes on within a time, or the
 * thread that writes it sees an IOException, as when the client had gone. The server of the JDK
 * would wait as long as the connection lives.
 */
public final class SendTimeout implements AutoCloseable {
  /** How long a client may usually leave unread what it is sent. */
  public static final Duration USUAL = Duration.ofSeconds(30);

  /** What has to go on within the time: little, so that to wait for it is to make no progress. */
  private static final int PIECE = 8192;

  private static final int LOOKS = 4;

  private final long limit;
  private final Set<Write> writes = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService watch =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "hydra-http-unread");
            thread.setDaemon(true);
            return thread;
          });

  /** Begins to watch, with a thread until it is closed. */
  public SendTimeout(Duration limit) {
    this.limit = limit.toNanos();
    long pause = Math.max(1, limit.toMillis() / LOOKS);
    var unused = watch.scheduleWithFixedDelay(this::look, pause, pause, TimeUnit.MILLISECONDS);
  }

  private void look() {
    long now = System.nanoTime();
    writes.forEach(write -> write.endIfOver(now));
  }

  /** Bounds all writes of an exchange but its headers, which are to be sent by {@link #headers}. */
  public void bound(HttpExchange exchange) {
    exchange.setStreams(null, new Bounded(exchange.getResponseBody()));
  }

  /**
   * Sends the headers of an answer.
   *
   * @param length as {@link HttpExchange#sendResponseHeaders} has it
   * @throws IOException if the client has gone, or does not read
   */
  public void headers(HttpExchange exchange, int status, long length) throws IOException {
    within(() -> exchange.sendResponseHeaders(status, length));
  }

  private void within(Sending sending) throws IOException {
    Write write = new Write(Thread.currentThread(), System.nanoTime() + limit);
    writes.add(write);
    try {
      sending.run();
    } finally {
      writes.remove(write);
      write.over();
    }
  }

  @Override
  public void close() {
    watch.shutdownNow();
  }

  private interface Sending {
    void run() throws IOException;
  }

  /**
   * A write that goes on. An interrupt closes the channel on which a thread is blocked, see {@link
   * java.nio.channels.InterruptibleChannel}; to close the exchange would wait for the write.
   */
  private static final class Write {
    private final Thread thread;
    private final long end;
    private boolean over;
    private boolean ended;

    Write(Thread thread, long end) {
      this.thread = thread;
      this.end = end;
    }

    synchronized void endIfOver(long now) {
      if (!over && !ended && now - end > 0) {
        ended = true;
        thread.interrupt();
      }
    }

    /** The thread is not to be interrupted any more, nor to be left so. */
    synchronized void over() {
      over = true;
      if (ended) {
        Thread.interrupted();
      }
    }
  }

  private final class Bounded extends FilterOutputStream {
    Bounded(OutputStream out) {
      super(out);
    }

    @Override
    public void write(int value) throws IOException {
      within(() -> out.write(value));
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      for (int done = 0; done < length; done += PIECE) {
        int begin = offset + done;
        int size = Math.min(PIECE, length - done);
        within(() -> out.write(bytes, begin, size));
      }
    }

    @Override
    public void flush() throws IOException {
      within(out::flush);
    }

    @Override
    public void close() throws IOException {
      within(out::close);
    }
  }
}
