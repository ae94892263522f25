package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Clients that begin a request and never end its headers lose their connection. */
class StalledHeadersTest {
  /** Far more than the limit of two seconds, and without one nothing would come at all. */
  private static final int PATIENCE_MILLIS = 25_000;

  private static Process process;
  private static int port;

  @BeforeAll
  static void start() throws IOException {
    process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                ListenerProcess.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    port = Integer.parseInt(output.readLine());
  }

  @AfterAll
  static void stop() throws IOException, InterruptedException {
    process.getOutputStream().close();
    assertThat(process.waitFor()).isZero();
  }

  private static String answer(String request) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(PATIENCE_MILLIS);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "GET /hea, ''",
    "GET / HTTP/1.1|, ''",
    "GET / HTTP/1.1|Host: localhost|Content-Le, ''",
    "GET / HTTP/1.1|Host: localhost|, ''",
    "GET / HTTP/1.1|Connection: close||, here"
  })
  void theConnectionEnds(String request, String end) throws IOException {
    String answer = answer(request.replace("|", "\r\n"));
    assertThat(answer).endsWith(end);
    assertThat(answer.isEmpty()).isEqualTo(end.isEmpty());
  }
}
