package dev.hydra.cli.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Server and client over a real socket. */
@Timeout(60)
class ControlSocketTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  private ControlServer echo() throws IOException {
    return new ControlServer(
        new ControlSocket(folder), (request, early) -> Map.of("echo", request));
  }

  @Test
  void requestsAreAnswered() throws IOException {
    try (ControlServer server = echo()) {
      Map<String, Object> request = Map.of("do", "list", "sites", List.of("ä", "b"));
      assertThat(ControlClient.ask(folder, request)).isEqualTo(Map.of("echo", request));
    }
  }

  @Test
  void onlyTheOwnerCanEnter() throws IOException {
    try (ControlServer server = echo()) {
      Path control = folder.resolve(".control");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(control)))
          .isEqualTo("rwx------");
      assertThat(
              PosixFilePermissions.toString(
                  Files.getPosixFilePermissions(control.resolve("socket"))))
          .isEqualTo("rw-------");
    }
  }

  @Test
  void manyClientsAtOnce() throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(8);
    try (ControlServer server = echo()) {
      List<Callable<Object>> all =
          IntStream.range(0, 40)
              .<Callable<Object>>mapToObj(
                  i -> () -> ControlClient.ask(folder, Map.of("n", i)).get("echo"))
              .toList();
      List<Future<Object>> answers = clients.invokeAll(all);
      for (int i = 0; i < 40; i++) {
        assertThat(answers.get(i).get()).isEqualTo(Map.of("n", i));
      }
    } finally {
      clients.shutdownNow();
    }
  }

  @Test
  void severalRequestsOverOneConnection() throws IOException {
    try (ControlServer server = echo();
        SocketChannel client = new ControlSocket(folder).connect();
        BufferedReader in = reader(client)) {
      send(client, "{\"a\":1}\n{\"b\":2}\n");
      assertThat(JSON.std.mapFrom(in.readLine())).isEqualTo(Map.of("echo", Map.of("a", 1)));
      assertThat(JSON.std.mapFrom(in.readLine())).isEqualTo(Map.of("echo", Map.of("b", 2)));
    }
  }

  /** Clients that talk nonsense are told, and those that die or never stop concern nobody. */
  @Test
  void badClientsHarmNobody() throws IOException {
    try (ControlServer server = echo()) {
      try (SocketChannel client = new ControlSocket(folder).connect();
          BufferedReader in = reader(client)) {
        send(client, "nonsense\n");
        assertThat(in.readLine()).contains("refused", "the request is no");
      }
      try (SocketChannel silent = new ControlSocket(folder).connect();
          SocketChannel endless = new ControlSocket(folder).connect()) {
        assertThat(silent.isConnected()).isTrue();
        assertThatThrownBy(
                () -> {
                  for (int i = 0; i < 1 << 12; i++) {
                    send(endless, "x".repeat(1 << 10));
                  }
                })
            .isInstanceOf(IOException.class);
        assertThat(ControlClient.ask(folder, Map.of())).containsKey("echo");
      }
    }
  }

  @Test
  void whereNothingListensItIsSaid() throws IOException {
    assertThat(new ControlSocket(folder).exists()).isFalse();
    assertThatThrownBy(() -> ControlClient.ask(folder, Map.of()))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("no training is running in " + folder);
    echo().close();
    assertThat(new ControlSocket(folder).exists()).isFalse();
    assertThatThrownBy(() -> ControlClient.ask(folder, Map.of()))
        .hasMessageStartingWith("no training is running in " + folder);
  }

  /** A process that was killed leaves its socket behind. */
  @Test
  void aSocketThatWasLeftIsReplaced() throws IOException {
    Files.createDirectories(folder.resolve(".control"));
    Files.writeString(folder.resolve(".control/socket"), "left");
    try (ControlServer server = echo()) {
      assertThat(ControlClient.ask(folder, Map.of())).containsKey("echo");
    }
  }

  /** Addresses of sockets are limited to a hundred bytes or so. */
  @Test
  void longPathsAreNoProblem() throws IOException {
    folder = Files.createDirectories(folder.resolve("x".repeat(120)).resolve("y".repeat(120)));
    try (ControlServer server = echo()) {
      assertThat(ControlClient.ask(folder, Map.of("a", 1)))
          .isEqualTo(Map.of("echo", Map.of("a", 1)));
    }
  }

  /** An answer under way when the run ends still arrives. */
  @Test
  void theLastAnswersAreWaitedFor() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    ControlServer server =
        new ControlServer(
            new ControlSocket(folder),
            (request, early) -> {
              asked.countDown();
              await(end);
              return Map.of("status", "late");
            });
    ExecutorService other = Executors.newSingleThreadExecutor();
    try {
      Future<Map<String, Object>> answer = other.submit(() -> ControlClient.ask(folder, Map.of()));
      await(asked);
      Thread closing =
          new Thread(
              () -> {
                try {
                  server.close();
                } catch (IOException e) {
                  throw new IllegalStateException(e);
                }
              });
      closing.start();
      end.countDown();
      assertThat(answer.get(30, TimeUnit.SECONDS)).isEqualTo(Map.of("status", "late"));
      closing.join();
    } finally {
      other.shutdownNow();
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void send(SocketChannel client, String text) throws IOException {
    ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
    while (bytes.hasRemaining()) {
      client.write(bytes);
    }
  }

  private static BufferedReader reader(SocketChannel client) {
    return new BufferedReader(
        new InputStreamReader(Channels.newInputStream(client), StandardCharsets.UTF_8));
  }
}
