package dev.hydra.serve;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Executors;

/**
 * A process with a server whose requests may take a second, which says its port and ends with its
 * input: the limit holds for a whole process, and other tests need one of their own.
 */
final class ListenerProcess {
  private ListenerProcess() {}

  /** Runs in the process. */
  public static void main(String[] arguments) throws IOException {
    Duration limit = Duration.ofSeconds(1);
    HttpServer server = HttpListener.bind("127.0.0.1", 0, 0, limit);
    server.setExecutor(Executors.newCachedThreadPool());
    byte[] answer = "here".getBytes(StandardCharsets.US_ASCII);
    HttpListener.answer(
        server,
        new ReadTimeout(limit),
        exchange -> {
          exchange.sendResponseHeaders(200, answer.length);
          exchange.getResponseBody().write(answer);
          exchange.getResponseBody().flush();
        });
    System.out.println(server.getAddress().getPort());
    System.in.readAllBytes();
    System.exit(0);
  }
}
