package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Clients that tell of a body which nobody reads, and do not send it. */
class UnreadBodiesTest {
  /** Far more than the server waits, and far less than the JDK's would. */
  private static final int PATIENCE_MILLIS = 25_000;

  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server =
        new TestServer(TestServer.LIMITS, ServerSettings.LOCAL.withPort(0).withKey("a secret"));
  }

  @AfterAll
  static void stop() {
    server.close();
    assertThat(server.log).isEmpty();
  }

  private static Socket ask(String request, String length) throws IOException {
    URI uri = URI.create(server.address());
    Socket socket = new Socket(uri.getHost(), uri.getPort());
    socket.setSoTimeout(PATIENCE_MILLIS);
    socket
        .getOutputStream()
        .write(
            (request + " HTTP/1.1\r\nHost: localhost\r\n" + length + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
    return socket;
  }

  @ParameterizedTest
  @CsvSource({
    "GET /health, Content-Length: 100, 200",
    "GET /health, Transfer-Encoding: chunked, 200",
    "HEAD /health, Content-Length: 100, 200",
    "GET /, Content-Length: 100, 200",
    "POST /health, Content-Length: 100, 405",
    "POST /nothing, Content-Length: 100, 401",
    "POST /v1/completions, Content-Length: 100, 401",
    "POST /v1/completions, Transfer-Encoding: chunked, 401"
  })
  void theConnectionEndsAfterTheAnswer(String request, String length, int status)
      throws IOException {
    try (Socket socket = ask(request, length)) {
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(answer).startsWith("HTTP/1.1 " + status);
    }
  }

  /** Else the connection would be reset, and the client might not see why. */
  @Test
  void whoSendsItAllIsAnsweredOnAConnectionThatIsKept() throws IOException {
    String body = "a".repeat(100_000);
    String length = "Content-Length: " + body.length();
    try (Socket socket = ask("POST /nothing", length)) {
      socket.getOutputStream().write(body.getBytes(StandardCharsets.US_ASCII));
      assertThat(answer(socket.getInputStream())).startsWith("HTTP/1.1 401");
      socket
          .getOutputStream()
          .write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(answer(socket.getInputStream())).startsWith("HTTP/1.1 200");
    }
  }

  /** A header and the bytes that it tells of. */
  private static String answer(InputStream in) throws IOException {
    StringBuilder header = new StringBuilder();
    while (header.indexOf("\r\n\r\n") < 0) {
      header.append((char) in.read());
    }
    String length = header.toString().replaceFirst("(?si).*\nContent-Length: *(\\d+).*", "$1");
    return header + new String(in.readNBytes(Integer.parseInt(length)), StandardCharsets.UTF_8);
  }
}
