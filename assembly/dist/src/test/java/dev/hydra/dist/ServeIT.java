package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** The server of the distribution, as its users start and stop it. */
class ServeIT {
  private static final String CONFIG =
      """
      model {
        width = 16, depth = 2
        block {
          topology = parallel
          paths = [
            { mixer { type = mamba2, state = 8, head-dim = 8 } }
            { ffn { type = swiglu, hidden = 16 } }
          ]
        }
      }
      data { files = [corpus.txt], sequence-length = 32, validation-fraction = 0.1 }
      trainer { steps = 3, batch-size = 2, evaluation { windows = 4 } }
      """;

  /** What the official client of OpenAI asks. */
  private static final NodeScript CLIENT =
      new NodeScript(
          Path.of("../../plugins/tools/serve/src/test/openai/check.mjs")
              .toAbsolutePath()
              .normalize());

  private static final long LIMIT_SECONDS = 120;

  @TempDir Path folder;

  private Hydra hydra(String name) throws IOException {
    Path logs = Files.createDirectories(folder.resolve(name));
    return new Hydra(Hydra.HOME.resolve("bin/hydra"), logs).in(folder);
  }

  private static HttpResponse<String> post(String address, String path, Object body)
      throws IOException, InterruptedException {
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(URI.create(address + path))
                .POST(HttpRequest.BodyPublishers.ofString(JSON.std.asString(body)))
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }

  @BeforeEach
  void train() throws Exception {
    Files.writeString(folder.resolve("tiny.conf"), CONFIG);
    Files.writeString(folder.resolve("corpus.txt"), "one two three four five\n".repeat(400));
    assertEquals(0, hydra("train").run("train", "tiny.conf", "--run-dir", "run").exitCode());
  }

  /** Says whether the client and what runs it are there: {@code .ci/run} brings them. */
  static boolean clientInstalled() {
    return CLIENT.has("openai");
  }

  @Test
  @EnabledIf("clientInstalled")
  void answersTheClientOfOpenAi() throws Exception {
    Files.writeString(
        folder.resolve("chat.jinja"), "{% for m in messages %}{{ m.content }}\n{% endfor %}");
    Hydra serving = hydra("serve");
    Process server =
        serving.start("serve", "--model", "run", "--template", "chat.jinja", "--port", "0");
    try {
      String said = CLIENT.passes(folder, Map.of("BASE", address(serving, server) + "/v1"));
      assertThat(said).endsWith("7 passed, 0 failed\n");
    } finally {
      server.destroy();
      assertTrue(server.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS));
    }
    assertThat(serving.err()).isEmpty();
  }

  @Test
  @SuppressWarnings("unchecked")
  void servesScoresAndStops() throws Exception {
    Files.writeString(folder.resolve("tokens.json"), "[[1,2,3,4,5]]");
    Hydra.Result scored =
        hydra("score").run("score", "--model", "run", "--tokens", "tokens.json", "--json");
    List<Double> expected =
        ((List<List<Double>>) JSON.std.mapFrom(scored.out().get(0)).get("logprobs")).get(0);

    Hydra serving = hydra("serve");
    Process server = serving.start("serve", "--model", "run", "--port", "0");
    try {
      String address = address(serving, server);
      HttpResponse<String> answer =
          post(
              address,
              "/v1/completions",
              Map.of(
                  "model",
                  "run",
                  "prompt",
                  List.of(1, 2, 3, 4, 5),
                  "max_tokens",
                  1,
                  "logprobs",
                  1,
                  "echo",
                  true,
                  "temperature",
                  0));
      assertEquals(200, answer.statusCode(), answer.body());
      Map<String, Object> choice =
          ((List<Map<String, Object>>) JSON.std.mapFrom(answer.body()).get("choices")).get(0);
      List<Double> found =
          (List<Double>) ((Map<String, Object>) choice.get("logprobs")).get("token_logprobs");
      assertThat(found).hasSize(6);
      for (int i = 0; i < expected.size(); i++) {
        assertEquals(expected.get(i), found.get(i + 1), 1e-5);
      }
      String port = String.valueOf(URI.create(address).getPort());
      Hydra.Result second = hydra("second").run("serve", "--model", "run", "--port", port);
      assertEquals(1, second.exitCode(), second.toString());
      assertThat(second.err().get(0)).contains("another program may have the port");
    } finally {
      server.destroy();
      assertTrue(server.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS));
    }
    assertEquals(143, server.exitValue());
    assertThat(serving.err()).isEmpty();
  }

  /** Each reads the model and writes nothing there; what is written has one process. */
  @Test
  void serversShareAModelButNotAFolderToSwap() throws Exception {
    Map<Path, String> before = files("run");
    Hydra first = hydra("first");
    Hydra second = hydra("second");
    Process one = first.start("serve", "--model", "run", "--swap-dir", "live", "--port", "0");
    Process other = second.start("serve", "--model", "run", "--port", "0");
    try {
      Map<String, Object> request =
          Map.of("prompt", "one two", "max_tokens", 5, "temperature", 0, "return_token_ids", true);
      List<Object> said = new ArrayList<>();
      for (String address : List.of(address(first, one), address(second, other))) {
        HttpResponse<String> answer = post(address, "/v1/completions", request);
        assertEquals(200, answer.statusCode(), answer.body());
        said.add(JSON.std.mapFrom(answer.body()).get("choices"));
      }
      assertEquals(said.get(0), said.get(1));
      Hydra.Result third =
          hydra("third").run("serve", "--model", "run", "--swap-dir", "live", "--port", "0");
      assertEquals(1, third.exitCode(), third.toString());
      assertThat(third.out()).isEmpty();
      assertThat(third.err())
          .singleElement(InstanceOfAssertFactories.STRING)
          .contains("another process is using live");
      assertEquals(before, files("run"));
    } finally {
      one.destroy();
      other.destroy();
      assertTrue(one.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS));
      assertTrue(other.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS));
    }
  }

  /** The files below a folder, with what is in them. */
  private Map<Path, String> files(String name) throws Exception {
    Map<Path, String> all = new TreeMap<>();
    try (Stream<Path> below = Files.walk(folder.resolve(name))) {
      for (Path file : below.filter(Files::isRegularFile).toList()) {
        all.put(file, Hashes.sha256(file) + " " + Files.getLastModifiedTime(file));
      }
    }
    return all;
  }

  /** Where a server says that it listens. */
  static String address(Hydra serving, Process server) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
    while (serving.out().isEmpty() && server.isAlive() && System.nanoTime() < end) {
      Thread.sleep(100);
    }
    assertThat(serving.out()).as(serving.err().toString()).isNotEmpty();
    String line = serving.out().get(0);
    assertThat(line).startsWith("listening on http://127.0.0.1:");
    return line.substring("listening on ".length());
  }
}
