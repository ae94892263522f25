package dev.hydra.cli.swap;

import dev.hydra.cli.common.Json;
import dev.hydra.libtorch.io.JsonText;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * Answers requests over a {@link ControlSocket}, one JSON object a line each way. Clients that say
 * nothing, talk nonsense or die concern nobody else.
 */
final class ControlServer implements AutoCloseable {
  /** Whether another line follows as part of the same answer. */
  static final String MORE = "more";

  private static final int LONGEST_LINE = 1 << 20;

  /** How long the last answers may take when the run has ended. */
  private static final Duration FAREWELL = Duration.ofSeconds(5);

  private final ControlSocket socket;
  private final ServerSocketChannel channel;
  private final Answers answers;
  private final Map<SocketChannel, Thread> clients = new ConcurrentHashMap<>();
  private final Thread acceptor;

  /** Answers requests. */
  @FunctionalInterface
  interface Answers {
    /**
     * Answers a request.
     *
     * @param early takes what can be said before the answer, marked with {@link #MORE}
     */
    Map<String, ?> of(Map<String, Object> request, Consumer<Map<String, ?>> early);
  }

  /**
   * Begins to listen.
   *
   * @param answers called on a thread of each client
   */
  ControlServer(ControlSocket socket, Answers answers) throws IOException {
    this.socket = socket;
    this.answers = answers;
    channel = socket.listen();
    acceptor = daemon(this::accept, "hydra-control");
    acceptor.start();
  }

  private static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }

  private void accept() {
    while (channel.isOpen()) {
      try {
        SocketChannel client = channel.accept();
        Thread thread = daemon(() -> serve(client), "hydra-control-client");
        clients.put(client, thread);
        thread.start();
      } catch (IOException e) {
        return; // closed
      }
    }
  }

  private void serve(SocketChannel client) {
    try (client;
        InputStream in = new BufferedInputStream(Channels.newInputStream(client));
        OutputStream out = Channels.newOutputStream(client)) {
      for (String line = line(in); !line.isEmpty(); line = line(in)) {
        write(out, answer(line, early -> write(out, early)));
      }
    } catch (IOException | UncheckedIOException e) {
      // It has gone, and will not be told.
    } finally {
      clients.remove(client);
    }
  }

  private static void write(OutputStream out, Map<String, ?> line) {
    try {
      out.write((Json.line(line) + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Map<String, ?> answer(String line, Consumer<Map<String, ?>> early) {
    try {
      return answers.of(JsonText.object(line), early);
    } catch (IOException e) {
      return Map.of("status", "refused", "reason", "the request is not a JSON object");
    }
  }

  /** The next line; empty at the end, or if there is no end to it. */
  private static String line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int next = in.read(); next >= 0 && next != '\n'; next = in.read()) {
      if (line.size() == LONGEST_LINE) {
        return "";
      }
      line.write(next);
    }
    return line.toString(StandardCharsets.UTF_8);
  }

  /** Takes no more requests, and waits a while for answers under way. */
  @Override
  public void close() throws IOException {
    channel.close();
    socket.delete();
    List<Thread> left = new ArrayList<>(clients.values());
    left.add(acceptor);
    long until = System.nanoTime() + FAREWELL.toNanos();
    for (SocketChannel client : clients.keySet()) {
      try {
        client.shutdownInput();
      } catch (IOException e) {
        client.close(); // it has gone
      }
    }
    for (Thread each : left) {
      join(each, until);
    }
    for (SocketChannel client : clients.keySet()) {
      client.close();
    }
  }

  private static void join(Thread thread, long until) {
    try {
      thread.join(Math.max(1, (until - System.nanoTime()) / 1_000_000));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
