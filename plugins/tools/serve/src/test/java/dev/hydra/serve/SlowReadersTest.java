package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.inference.EngineLimits;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that ask for much and do not read it, or read it slowly. */
class SlowReadersTest {
  /** With 20 alternatives of each token, answers of more than 10 MB: more than sockets buffer. */
  private static final int CHOICES = 64;

  private static final int TOKENS = 300;
  private static final long LIMIT_SECONDS = 60;

  /** Long enough for a machine that does other work at times. */
  private static final Duration LIMIT = Duration.ofSeconds(3);

  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server =
        new TestServer(
            new EngineLimits(CHOICES + 1, 8, 512, 64, 0),
            new ServerSettings(
                "127.0.0.1",
                0,
                Optional.empty(),
                Optional.empty(),
                1 << 20,
                Duration.ofSeconds(30),
                Duration.ofSeconds(2),
                LIMIT));
  }

  @AfterAll
  static void stop() {
    server.close();
    assertThat(server.log).isEmpty();
  }

  /** Asks for a long answer, of which little fits into the client's buffer. */
  private static Socket ask(boolean stream) throws IOException {
    byte[] body =
        Json.bytes(
            Map.of(
                "model",
                "tiny",
                "prompt",
                "a",
                "max_tokens",
                TOKENS,
                "n",
                CHOICES,
                "logprobs",
                20,
                "stream",
                stream));
    URI uri = URI.create(server.address());
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.connect(new InetSocketAddress(uri.getHost(), uri.getPort()));
    socket
        .getOutputStream()
        .write(
            ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                    + body.length
                    + "\r\nConnection: close\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
    socket.getOutputStream().write(body);
    return socket;
  }

  private static long metric(String line) {
    Matcher found =
        Pattern.compile("(?m)^" + Pattern.quote(line) + " (\\d+)$")
            .matcher(server.get("/metrics").body());
    return found.find() ? Long.parseLong(found.group(1)) : 0;
  }

  private static long gone() {
    return metric("hydra_http_requests_total{endpoint=\"/v1/completions\",status=\"499\"}");
  }

  /** Waits until nothing is answered but the request that looks. */
  private static void untilIdle() throws InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(LIMIT_SECONDS).toNanos();
    boolean idle = false;
    long active = 0;
    while (!(idle && active == 1) && System.nanoTime() < end) {
      Thread.sleep(50);
      idle = server.idle();
      active = metric("hydra_http_active");
    }
    assertThat(idle).as("no session is left").isTrue();
    assertEquals(1, active, "no request has a thread any more");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoDoesNotReadIsGone(boolean stream) throws IOException, InterruptedException {
    long before = gone();
    try (Socket socket = ask(stream)) {
      while (server.idle()) {
        Thread.sleep(1);
      }
      for (int i = 0; i < 5; i++) { // others are served meanwhile
        server.ok("/v1/completions", Map.of("model", "tiny", "prompt", "b", "max_tokens", 8));
      }
      untilIdle();
      assertEquals(before + 1, gone());
      String rest = new String(readAll(socket.getInputStream()), StandardCharsets.UTF_8);
      assertThat(rest).startsWith("HTTP/1.1 200").doesNotEndWith("0\r\n\r\n");
    }
  }

  /** The connection may be seen to be reset after what was buffered. */
  private static byte[] readAll(InputStream in) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try {
      in.transferTo(all);
    } catch (SocketException e) {
      assertThat(e).hasMessageContaining("reset");
    }
    return all.toByteArray();
  }

  /** More than the limit passes from begin to end, but never without progress. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoReadsSlowlyGetsAll(boolean stream) throws IOException, InterruptedException {
    long before = gone();
    long begin = System.nanoTime();
    try (Socket socket = ask(stream)) {
      InputStream in = socket.getInputStream();
      StringBuilder all = new StringBuilder();
      byte[] some = new byte[1 << 19];
      for (int read = in.readNBytes(some, 0, some.length);
          read > 0;
          read = in.readNBytes(some, 0, some.length)) {
        all.append(new String(some, 0, read, StandardCharsets.ISO_8859_1));
        Thread.sleep(300);
      }
      assertThat(System.nanoTime() - begin).isGreaterThan(LIMIT.toNanos());
      assertThat(all.length()).isGreaterThan(8 << 20);
      assertWhole(all);
    }
    untilIdle();
    assertEquals(before, gone());
  }

  /** An answer that took long has begun before its length was known. */
  private static void assertWhole(StringBuilder answer) {
    int body = answer.indexOf("\r\n\r\n") + 4;
    Matcher length =
        Pattern.compile("(?mi)^content-length: (\\d+)").matcher(answer.substring(0, body));
    if (length.find()) {
      assertEquals(Integer.parseInt(length.group(1)), answer.length() - body);
    } else {
      assertThat(answer.substring(answer.length() - 40)).contains("}").endsWith("\r\n0\r\n\r\n");
    }
  }

  /** Each request is small, but their answers are not read. */
  @Test
  void whoAsksOnAndOnAndReadsNothingIsGone() throws IOException, InterruptedException {
    URI uri = URI.create(server.address());
    byte[] request =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
            .repeat(100)
            .getBytes(StandardCharsets.US_ASCII);
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      Thread asking =
          new Thread(
              () -> {
                try {
                  while (true) {
                    socket.getOutputStream().write(request);
                  }
                } catch (IOException e) {
                  // The server ended the connection.
                }
              });
      asking.start();
      asking.join(Duration.ofSeconds(LIMIT_SECONDS).toMillis());
      assertThat(asking.isAlive()).as("the connection goes on").isFalse();
    }
    untilIdle();
  }
}
