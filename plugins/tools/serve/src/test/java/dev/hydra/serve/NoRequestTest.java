package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the HTTP library refuses before this server sees it ends the connection at once, in some of
 * its versions without an answer.
 */
class NoRequestTest {
  private static final int PATIENCE_MILLIS = 10_000;

  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server = new TestServer();
  }

  @AfterAll
  static void stop() {
    server.close();
    assertThat(server.log).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "POST /v1/completions HTTP/1.1|Content-Length: 999999999999999999999, 400",
    "POST /v1/completions HTTP/1.1|Content-Length: -5, 400",
    "POST /v1/completions HTTP/1.1|Content-Length: five, 400",
    "POST /v1/completions HTTP/1.1|Content-Length: 1|Content-Length: 2, 400",
    "POST /v1/completions HTTP/1.1|Content-Length: 1|Transfer-Encoding: chunked, 400",
    "POST /v1/completions HTTP/1.1|Transfer-Encoding: gzip, 501",
    "GET /%zz HTTP/1.1, 400",
    "GET /health?a=%zz HTTP/1.1, 400",
    "GET /health HTTP/1.1|no colon, 400",
    "hello, 400",
    "GET health HTTP/1.1, 4",
    "GET //health HTTP/1.1, 4",
    "OPTIONS * HTTP/1.1, 4",
    "GET mailto:a@b HTTP/1.1, ''",
    "CONNECT localhost:80 HTTP/1.1, ''"
  })
  void theConnectionEnds(String request, String status) throws IOException {
    URI uri = URI.create(server.address());
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      socket.setSoTimeout(PATIENCE_MILLIS);
      String sent = request.replace("|", "\r\n") + "\r\n\r\n";
      socket.getOutputStream().write(sent.getBytes(StandardCharsets.US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(answer).startsWith(status.isEmpty() ? "" : "HTTP/1.1 " + status);
    }
    assertThat(server.get("/health").statusCode()).isEqualTo(200);
  }
}
