package dev.hydra.serve;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.time.Duration;

/** Binds HTTP servers of the JDK to addresses, and says where they listen. */
public final class HttpListener {
  private static final String SLOWEST = "sun.net.httpserver.maxReqTime";
  private static final String UNREAD = "sun.net.httpserver.drainAmount";
  private static final String NO_DELAY = "sun.net.httpserver.nodelay";

  private HttpListener() {}

  /**
   * Creates a server that listens as soon as it is started.
   *
   * @param port the port; 0 for a free one
   * @param backlog how many connections may wait to be taken; 0 for the system's number
   * @param slowest how long a request may take to arrive; a connection on which one takes twice
   *     that is closed. The first server of the process decides
   * @throws IOException if the address cannot be had, such as that the port is in use
   */
  public static HttpServer bind(String host, int port, int backlog, Duration slowest)
      throws IOException {
    usual(SLOWEST, String.valueOf(2 * slowest.toSeconds())); // read once
    // Else whatever closes an exchange waits for the rest of a body, until the time above is over.
    usual(UNREAD, "0");
    // Else the end of an answer waits until its beginning is acknowledged, 40 ms.
    usual(NO_DELAY, "true");
    InetSocketAddress address = new InetSocketAddress(host, port);
    if (address.isUnresolved()) {
      throw new IOException("cannot serve at " + host + ": no address is known for that name");
    }
    try {
      return HttpServer.create(address, backlog);
    } catch (BindException e) {
      throw new IOException(
          "cannot serve at "
              + host
              + ":"
              + port
              + ": "
              + e.getMessage()
              + "; another program may have the port: choose another, or 0 for a free one",
          e);
    }
  }

  /**
   * Begins to answer whatever a server is asked. The exchange is closed after its answer, whether
   * the client has sent all of its request or not.
   *
   * @param handler flushes its answer, and need not close the exchange
   */
  public static void answer(HttpServer server, ReadTimeout unsent, HttpHandler handler) {
    server.createContext("/", exchange -> answer(exchange, unsent, handler));
    server.start();
  }

  private static void answer(HttpExchange exchange, ReadTimeout unsent, HttpHandler handler)
      throws IOException {
    try (exchange) {
      boolean sends = ReadTimeout.tellsOfBody(exchange);
      if (!sends) {
        // The server keeps only connections on which a request was read to its end.
        exchange.getRequestBody().readAllBytes();
      }
      handler.handle(exchange);
      if (sends) {
        unsent.discard(exchange);
      }
    }
  }

  private static void usual(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /**
   * Returns where a server listens, such as {@code http://127.0.0.1:8000}.
   *
   * @param host the address that it was bound to
   */
  public static String address(String host, HttpServer server) {
    String written = host.contains(":") ? "[" + host + "]" : host;
    return "http://" + written + ":" + server.getAddress().getPort();
  }
}
