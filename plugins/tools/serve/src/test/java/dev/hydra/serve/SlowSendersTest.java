package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that begin to send a body, and go on slowly or not at all. */
class SlowSendersTest {
  private static final Duration LIMIT = Duration.ofSeconds(3);

  /**
   * As long as a machine that does other work may take; without an end nothing comes for longer.
   */
  private static final int PATIENCE_MILLIS = 25_000;

  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server =
        new TestServer(
            TestServer.LIMITS,
            new ServerSettings(
                "127.0.0.1",
                0,
                Optional.empty(),
                Optional.empty(),
                4096,
                LIMIT,
                Duration.ofSeconds(1),
                SendTimeout.USUAL));
  }

  @AfterAll
  static void stop() {
    server.close();
    assertThat(server.log).isEmpty();
  }

  private static Socket begin(String length) throws IOException {
    URI uri = URI.create(server.address());
    Socket socket = new Socket(uri.getHost(), uri.getPort());
    socket.setSoTimeout(PATIENCE_MILLIS);
    socket
        .getOutputStream()
        .write(
            ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n" + length + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
    return socket;
  }

  private static void assertRefused(String answer) {
    int body = answer.indexOf("\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 408");
    assertThat(answer.substring(0, body))
        .containsIgnoringCase("\r\nConnection: close")
        .containsIgnoringCase("\r\nContent-Type: application/json");
    assertThat(TestServer.json(answer.substring(body + 4)))
        .isEqualTo(
            TestServer.json(
                "{\"error\":{\"message\":\"the body took longer than 3 s\","
                    + "\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"too_slow\"}}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"Content-Length: 100", "Transfer-Encoding: chunked"})
  void whoStopsIsToldAndTheConnectionEnds(String length) throws IOException {
    long begin = System.nanoTime();
    try (Socket socket = begin(length)) {
      socket.getOutputStream().write("5\r\n{\"a\":".getBytes(StandardCharsets.US_ASCII));
      byte[] answer = socket.getInputStream().readAllBytes();
      assertRefused(new String(answer, StandardCharsets.UTF_8));
      assertThat(System.nanoTime() - begin).isGreaterThanOrEqualTo(LIMIT.toNanos());
    }
  }

  @Test
  void whoSendsAByteASecondIsToldAndTheConnectionEnds() throws Exception {
    try (Socket socket = begin("Content-Length: 100")) {
      Thread sending =
          new Thread(
              () -> {
                try {
                  OutputStream out = socket.getOutputStream();
                  for (int i = 0; i < 100; i++) {
                    out.write('{');
                    Thread.sleep(1000);
                  }
                } catch (IOException | InterruptedException e) {
                  // The connection has ended.
                }
              });
      sending.start();
      StringBuilder answer = new StringBuilder();
      try {
        for (int c = socket.getInputStream().read(); c >= 0; c = socket.getInputStream().read()) {
          answer.append((char) c);
        }
      } catch (SocketException e) {
        assertThat(e).hasMessageContaining("reset"); // a byte came after the end
      }
      assertRefused(answer.toString());
      sending.join(PATIENCE_MILLIS);
      assertThat(sending.isAlive()).as("the connection goes on").isFalse();
    }
  }

  /** The thread that was interrupted goes on with others. */
  @Test
  void othersAreServedByTheSameThreads() throws IOException {
    for (int i = 0; i < 2; i++) {
      try (Socket socket = begin("Content-Length: 9")) {
        assertRefused(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
      }
      Map<String, Object> answer =
          server.ok("/v1/completions", Map.of("model", "tiny", "prompt", "a", "max_tokens", 4));
      assertThat(answer).containsKey("usage");
    }
    String metrics = server.get("/metrics").body();
    assertThat(metrics)
        .containsPattern(
            "hydra_http_requests_total\\{endpoint=\"/v1/completions\",status=\"408\"} [1-9]");
    assertEquals(1, active(metrics), "no request but this one has a thread");
  }

  private static int active(String metrics) {
    return Integer.parseInt(metrics.replaceFirst("(?s).*\nhydra_http_active (\\d+)\n.*", "$1"));
  }
}
