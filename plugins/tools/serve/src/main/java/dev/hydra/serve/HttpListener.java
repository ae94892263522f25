package dev.hydra.serve;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;

/** Binds HTTP servers of the JDK to addresses, and says where they listen. */
public final class HttpListener {
  private HttpListener() {}

  /**
   * Creates a server that listens as soon as it is started.
   *
   * @param port the port; 0 for a free one
   * @param backlog how many connections may wait to be taken; 0 for the system's number
   * @throws IOException if the address cannot be had, such as that the port is in use
   */
  public static HttpServer bind(String host, int port, int backlog) throws IOException {
    try {
      return HttpServer.create(new InetSocketAddress(host, port), backlog);
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
   * Returns where a server listens, such as {@code http://127.0.0.1:8000}.
   *
   * @param host the address that it was bound to
   */
  public static String address(String host, HttpServer server) {
    String written = host.contains(":") ? "[" + host + "]" : host;
    return "http://" + written + ":" + server.getAddress().getPort();
  }
}
