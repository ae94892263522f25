package dev.hydra.cli.watch;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.cli.common.UsageException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the page about runs asks, and who may ask it. */
@Timeout(60)
class WatchServerTest {
  private static final String STEP =
      "{\"kind\":\"step\",\"step\":%d,\"time\":\"2026-01-01T00:00:00Z\",\"loss\":%s,"
          + "\"tokens\":10,\"seconds\":1.0,\"tokens_per_second\":1234.0,\"learning_rate\":0.001}%n";

  @TempDir Path folder;
  private final HttpClient client = HttpClient.newHttpClient();
  private final List<WatchServer> servers = new ArrayList<>();

  @AfterEach
  void close() {
    servers.forEach(WatchServer::close);
  }

  private Path made(String name, double loss) throws IOException {
    Path run = Files.createDirectories(folder.resolve(name));
    Files.writeString(run.resolve("config.conf"), "trainer.steps = 5000");
    Files.writeString(run.resolve("metrics.jsonl"), String.format(STEP, 10, loss));
    Files.writeString(
        run.resolve("journal.jsonl"),
        """
        {"time":"2026-01-01T00:00:00.5Z","event":"start","step":0}
        {"time":"2026-01-01T00:00:01Z","event":"checkpoint","step":1000}
        {"time":"2026-01-01T00:00:02Z","event":"swap","step":1001,"sites":[{"site":"blocks.0.ffn","from":"<old>","to":"new","changes":["hidden 16 -> 24"]}],"reason":"","pause_ms":1.25}
        """);
    return run;
  }

  private static void add(Path run, int step, double loss) throws IOException {
    Files.writeString(
        run.resolve("metrics.jsonl"), String.format(STEP, step, loss), StandardOpenOption.APPEND);
  }

  private WatchServer serve(Optional<String> key, Path... runs) throws IOException {
    Map<String, Path> named = new LinkedHashMap<>();
    for (Path run : runs) {
      named.put(String.valueOf(run.getFileName()), run);
    }
    WatchServer server =
        new WatchServer(
            new WatchSettings("127.0.0.1", 0, key),
            named,
            (run, tokens) -> {
              throw new IOException("no plugin <b>");
            },
            problem -> {
              throw new AssertionError(problem);
            });
    servers.add(server);
    return server;
  }

  private HttpResponse<String> get(WatchServer server, String path, String... headers)
      throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(server.address() + path));
    return client.send(
        (headers.length == 0 ? request : request.headers(headers)).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private HttpResponse<String> post(WatchServer server, String path, String body, String key)
      throws Exception {
    return client.send(
        HttpRequest.newBuilder(URI.create(server.address() + path))
            .header("Authorization", "Bearer " + key)
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static String key(WatchServer server) {
    return server.ownersAddress().replaceFirst(".*#key=", "");
  }

  private Map<String, Object> view(WatchServer server, Object since) throws Exception {
    return JSON.std.mapFrom(get(server, "/api/view?since=" + since).body());
  }

  private static String part(Map<String, Object> view, String name) {
    return String.valueOf(((Map<?, ?>) view.get("parts")).get(name));
  }

  @Test
  void thePageIsOneDocumentThatLoadsNothing() throws Exception {
    HttpResponse<String> page = get(serve(Optional.empty(), made("a", 2)), "/");
    assertEquals(200, page.statusCode());
    assertThat(page.body())
        .contains("<!DOCTYPE html>", "prefers-color-scheme: dark", "lang=\"en\"")
        .doesNotContain("http:", "https:", "src=", "@import", "url(", "{{");
    String policy = page.headers().firstValue("Content-Security-Policy").orElse("");
    String nonce = policy.replaceFirst(".*'nonce-([^']+)'.*", "$1");
    assertThat(page.body()).contains("<script nonce=\"" + nonce + "\">");
    assertThat(policy).startsWith("default-src 'none'");
  }

  @Test
  void figuresAreThoseOfTheRunsAndFollowThem() throws Exception {
    Path a = made("a", 2.71828);
    WatchServer server = serve(Optional.empty(), a, made("b", 3.25));
    Map<String, Object> first = view(server, 0);
    assertThat(part(first, "now"))
        .contains("<td>training loss</td><td>2.7183</td><td>3.2500</td>", "10 of 5,000", "1.23k");
    assertThat(part(first, "journal"))
        .contains("<td>swap</td><td>1,001</td>", "&lt;old&gt; -&gt; new [hidden 16 -&gt; 24]")
        .doesNotContain("<td>checkpoint", "<old>");
    add(a, 20, 1.5);
    Map<String, Object> second = view(server, first.get("stamp"));
    while (!part(second, "now").contains("1.5000")) { // the model may have come before
      second = view(server, second.get("stamp"));
    }
    assertThat(part(second, "now")).contains("<td>20 of 5,000</td><td>10 of 5,000</td>");
    assertThat(((Map<?, ?>) second.get("parts")).containsKey("journal"))
        .as("what has not changed is not sent again")
        .isFalse();
  }

  @Test
  void aModelThatCannotBeBuiltSaysWhy() throws Exception {
    WatchServer server = serve(Optional.empty(), made("a", 2));
    Map<String, Object> view = view(server, 0);
    while (!part(view, "model").contains("not known")) {
      view = view(server, view.get("stamp"));
    }
    assertThat(part(view, "model")).contains("no plugin &lt;b&gt;");
  }

  @Test
  void toChangeARunTakesTheKey() throws Exception {
    WatchServer server = serve(Optional.empty(), made("a", 2));
    assertEquals(401, post(server, "/api/runs/0/rollback", "{}", "wrong").statusCode());
    HttpResponse<String> idle = post(server, "/api/runs/0/rollback", "{}", key(server));
    assertEquals(409, idle.statusCode(), idle.body());
    assertThat(idle.body()).contains("no training is running in");
    HttpResponse<String> nothing = post(server, "/api/runs/0/swap", "{}", key(server));
    assertEquals(400, nothing.statusCode());
    assertThat(nothing.body()).contains("name a jar");
    assertEquals(400, post(server, "/api/runs/0/swap", "[", key(server)).statusCode());
    String everywhere = "{\"config\":\"hidden=1\",\"sites\":\" \"}";
    assertThat(post(server, "/api/runs/0/swap", everywhere, key(server)).body())
        .contains("name those that change");
    assertEquals(404, post(server, "/api/runs/1/swap", "{}", key(server)).statusCode());
    assertEquals(
        413, post(server, "/api/runs/0/swap", " ".repeat((1 << 20) + 1), key(server)).statusCode());
    assertEquals(405, get(server, "/api/runs/0/swap").statusCode());
    assertEquals(404, get(server, "/config.conf").statusCode());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"dry_run\":\"yes\" | dry_run must be true or false, but is yes",
        "\"policy\":\"zz\" | unknown policy",
        "\"site\":\"a\" | did you mean",
        "\"sites\":5 | sites must be a text",
        "\"jar\":5 | jar must be a text"
      })
  void aSwapThatIsNotUnderstoodIsNotMade(String field, String message) throws Exception {
    WatchServer server = serve(Optional.empty(), made("a", 2));
    String sites = field.contains("\"sites\"") ? "" : "\"sites\":\"blocks.0.ffn\",";
    String body = "{" + sites + "\"config\":\"hidden=1\"," + field + "}";
    HttpResponse<String> answer = post(server, "/api/runs/0/swap", body, key(server));
    assertEquals(400, answer.statusCode(), answer.body());
    assertThat(answer.body()).contains(message);
  }

  @Test
  void withAKeyNothingIsShownWithoutIt() throws Exception {
    WatchServer server = serve(Optional.of("secret"), made("a", 2));
    assertEquals(200, get(server, "/").statusCode(), "it says nothing of the run");
    assertEquals(401, get(server, "/api/view").statusCode());
    assertEquals(200, get(server, "/api/view", "Authorization", "Bearer secret").statusCode());
    assertEquals(server.address() + "/#key=secret", server.ownersAddress());
  }

  @Test
  void pagesOfOtherSitesSeeNothing() throws Exception {
    WatchServer server = serve(Optional.empty(), made("a", 2));
    assertEquals(403, get(server, "/api/view", "Origin", "https://example.com").statusCode());
    assertEquals(200, get(server, "/api/view", "Origin", server.address()).statusCode());
    try (Socket socket =
        new Socket(InetAddress.getLoopbackAddress(), URI.create(server.address()).getPort())) {
      socket
          .getOutputStream()
          .write(
              "GET /api/view HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"
                  .getBytes(StandardCharsets.US_ASCII));
      assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
          .startsWith("HTTP/1.1 403 ");
    }
  }

  /** No byte of the bodies comes: to wait for them would take the JDK's server a minute. */
  @ParameterizedTest
  @CsvSource({
    "GET /, Content-Length: 100, 200",
    "POST /nothing, Content-Length: 100, 404",
    "POST /api/runs/0/swap, Content-Length: 100, 401",
    "POST /api/runs/0/swap, Content-Length: 99999999999, 413"
  })
  void nobodyWaitsForBodiesThatAreNotRead(String asked, String length, int status)
      throws Exception {
    WatchServer server = serve(Optional.empty(), made("a", 2));
    String owner = status == 413 ? "Authorization: Bearer " + key(server) + "\r\n" : "";
    try (Socket socket =
        new Socket(InetAddress.getLoopbackAddress(), URI.create(server.address()).getPort())) {
      socket.setSoTimeout(20_000);
      socket
          .getOutputStream()
          .write(
              (asked + " HTTP/1.1\r\nHost: localhost\r\n" + owner + length + "\r\n\r\n")
                  .getBytes(StandardCharsets.US_ASCII));
      assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
          .startsWith("HTTP/1.1 " + status);
    }
  }

  @Test
  void othersNeedAKeyAndAPortIsNotTakenTwice() throws Exception {
    Path run = made("a", 2);
    assertThatThrownBy(
            () ->
                new WatchServer(
                    new WatchSettings("0.0.0.0", 0, Optional.empty()),
                    Map.of("a", run),
                    (folder, tokens) -> {
                      throw new IOException();
                    },
                    problem -> {}))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("give a key (--api-key or HYDRA_API_KEY)");
    int port = URI.create(serve(Optional.empty(), run).address()).getPort();
    run("watch", run, "--port", port).refused(1, "another program may have the port");
  }

  @Test
  void whatCannotBeWatchedIsRefused() throws Exception {
    run("watch", folder.resolve("none")).refused(2, "there is no folder");
    run("watch", folder).refused(2, "is not a run folder: there is no config.conf");
    Path run = made("a", 2);
    run("watch", run, run).refused(2, "is named twice");
    run("watch", run, "--port", "70000").refused(2, "--port is 70000");
    run("watch", run, "--host", "0.0.0.0").refused(2, "give a key");
  }
}
