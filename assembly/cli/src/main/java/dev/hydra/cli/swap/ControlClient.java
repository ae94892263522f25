package dev.hydra.cli.swap;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Names a running training and talks to it. */
public final class ControlClient {
  @Option(
      names = {"--run", "--run-dir"},
      paramLabel = "DIR",
      description = "The folder of the running training (default: the only one in runs/).")
  private @Nullable Path run;

  /** Hears what is said before an answer. */
  @FunctionalInterface
  public interface Early {
    /** Takes a part of what is said. */
    void said(Map<String, Object> part) throws IOException;
  }

  /** Says whether a training was named. */
  public boolean named() {
    return run != null;
  }

  /**
   * Sends a request and waits for the answer.
   *
   * @throws IOException if there is none, or it is a refusal, saying why
   */
  public Map<String, Object> ask(Map<String, ?> request) throws IOException {
    return ask(request, early -> {});
  }

  /**
   * Sends a request and waits for the answer.
   *
   * @param early hears what is said before it
   * @throws IOException if there is none, or it is a refusal, saying why
   */
  public Map<String, Object> ask(Map<String, ?> request, Early early) throws IOException {
    Path folder = run == null ? only() : run;
    if (!Files.isDirectory(folder)) {
      throw new UsageException("there is no run folder " + folder);
    }
    Map<String, Object> answer = ask(folder, request, early);
    if ("refused".equals(answer.get("status"))) {
      throw new IOException("refused: " + answer.get("reason"));
    }
    return answer;
  }

  /**
   * Sends a request to the training of a folder and waits for the answer, refusals too.
   *
   * @throws IOException if there is none
   */
  public static Map<String, Object> ask(Path folder, Map<String, ?> request) throws IOException {
    return ask(folder, request, early -> {});
  }

  private static Map<String, Object> ask(Path folder, Map<String, ?> request, Early early)
      throws IOException {
    try (SocketChannel channel = new ControlSocket(folder).connect();
        OutputStream out = Channels.newOutputStream(channel);
        BufferedReader in =
            new BufferedReader(
                new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8))) {
      out.write((Json.line(request) + "\n").getBytes(StandardCharsets.UTF_8));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        Map<String, Object> answer = JSON.std.mapFrom(line);
        if (!Boolean.TRUE.equals(answer.remove(ControlServer.MORE))) {
          return answer;
        }
        early.said(answer);
      }
    }
    throw new IOException("the training in " + folder + " has ended before it answered");
  }

  private static Path only() throws IOException {
    Path runs = Path.of("runs");
    List<Path> running = new ArrayList<>();
    if (Files.isDirectory(runs)) {
      try (var folders = Files.list(runs)) {
        for (Path each : folders.filter(Files::isDirectory).toList()) {
          if (listens(each)) {
            running.add(each);
          }
        }
      }
    }
    if (running.size() != 1) {
      throw new UsageException(
          (running.isEmpty() ? "no training runs in runs/" : "there are several: " + running)
              + "; name the run folder with --run");
    }
    return running.get(0);
  }

  /** Says whether the process of a folder can be talked to. */
  public static boolean listens(Path run) {
    ControlSocket socket = new ControlSocket(run);
    if (!socket.exists()) {
      return false;
    }
    try (SocketChannel channel = socket.connect()) {
      return channel.isConnected();
    } catch (IOException e) {
      return false; // left by a process that was killed
    }
  }
}
