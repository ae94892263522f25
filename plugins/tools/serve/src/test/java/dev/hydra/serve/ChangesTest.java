package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.inference.FinishReason;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.TokenListener;
import dev.hydra.inference.TokenScore;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who may change a model that is served, and what is said of it. */
class ChangesTest {
  private static final String FORM = "{\"jar\":\"new.jar\",\"dry_run\":true}";

  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    ServerSettings settings =
        ServerSettings.LOCAL.withPort(0).withKey("clients").withOwnersKey("owners");
    server = new TestServer(TestServer.LIMITS, settings);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static HttpResponse<String> send(String key, HttpRequest.Builder request) {
    return server.send(request.header("Authorization", "Bearer " + key).build());
  }

  private static HttpResponse<String> post(String key, String path, String body) {
    return send(
        key,
        HttpRequest.newBuilder(URI.create(server.address() + path))
            .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  private static HttpResponse<String> get(String key, String path) {
    return send(key, HttpRequest.newBuilder(URI.create(server.address() + path)));
  }

  @Test
  void changesTakeTheKeyOfTheOwnerWhichOpensEverything() {
    for (String key : List.of("clients", "wrong")) {
      for (String path : List.of("/swap", "/rollback")) {
        assertEquals(401, post(key, path + "?model=tiny", FORM).statusCode(), path + " " + key);
      }
    }
    assertThat(post("clients", "/swap?model=tiny", FORM).body()).contains("the owner's key");
    assertThat(server.changes.asked).isEmpty();
    assertEquals(200, get("owners", "/v1/models").statusCode());

    HttpResponse<String> swapped = post("owners", "/swap?model=tiny", FORM);
    assertEquals(200, swapped.statusCode(), swapped.body());
    assertThat(TestServer.json(swapped.body()))
        .containsEntry("lines", List.of("swapped after step 7"));
    assertThat(server.changes.asked).containsExactly(Map.of("jar", "new.jar", "dry_run", true));
    assertThat(get("clients", "/journal?model=tiny").body())
        .contains("\"events\":[{", "\"new.jar\"");
    assertEquals(401, get("wrong", "/journal?model=tiny").statusCode());
  }

  @Test
  void whatCannotBeChangedSaysWhy() {
    HttpResponse<String> empty = post("owners", "/swap?model=tiny", "{}");
    assertEquals(400, empty.statusCode());
    assertThat(empty.body()).contains("name a jar");
    for (String body : List.of("[]", "{\"foo\":1}")) {
      assertEquals(400, post("owners", "/rollback?model=tiny", body).statusCode(), body);
    }
    assertEquals(409, post("owners", "/rollback?model=tiny", "").statusCode());
    HttpResponse<String> silent = post("owners", "/rollback?model=tiny", "{}");
    assertEquals(409, silent.statusCode());
    assertThat(silent.body()).contains("nobody answers");
    HttpResponse<String> fixed = post("owners", "/rollback?model=ids", "{}");
    assertEquals(409, fixed.statusCode());
    assertThat(fixed.body()).contains("the model ids cannot be changed", "--swap-dir");
    assertEquals(409, get("clients", "/journal?model=ids").statusCode());
    assertEquals(404, post("owners", "/swap?model=none", FORM).statusCode());
    assertEquals(405, get("owners", "/swap?model=tiny").statusCode());
    assertThat(get("clients", "/v1/models/tiny").body()).contains("\"swappable\":true");
    assertThat(get("clients", "/v1/models/ids").body()).contains("\"swappable\":false");
  }

  /** Without a key of the owner nobody may change anything, whatever they show. */
  @Test
  void withoutAnOwnersKeyNothingChanges() throws IOException {
    try (TestServer open = new TestServer()) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(open.address() + "/rollback?model=tiny"))
              .header("Authorization", "Bearer ")
              .POST(HttpRequest.BodyPublishers.ofString("{}"))
              .build();
      assertEquals(401, open.send(request).statusCode());
    }
  }

  /** Throws on the engine's thread, which ends. */
  private static final class Broken implements TokenListener {
    @Override
    public boolean token(TokenScore token) {
      return true;
    }

    @Override
    public void finished(FinishReason reason) {
      throw new IllegalStateException("broken");
    }

    @Override
    public void failed(RuntimeException problem) {
      throw problem;
    }
  }

  /** Between two steps there is nothing any more: who asks is told, and does not wait for ever. */
  @Test
  @Timeout(60)
  void nobodyWaitsForAnEngineThatHasEnded() throws Exception {
    ServerSettings settings = ServerSettings.LOCAL.withPort(0).withOwnersKey("owners");
    try (TestServer ended = new TestServer(TestServer.LIMITS, settings)) {
      Request request = new Request(new int[] {65}, 1, new Sampling(0, 0, 1, 0), Set.of());
      assertThat(ended.engine().engine().open(request, new Broken())).isNotNull();
      while (ended.engine().failure() == null) {
        Thread.sleep(5);
      }
      assertEquals(503, ended.get("/health").statusCode());
      HttpResponse<String> composition = ended.get("/composition?model=tiny");
      assertEquals(503, composition.statusCode());
      assertThat(composition.body()).contains("the engine of tiny ended: ");
      assertEquals(200, ended.get("/composition?model=ids").statusCode());
      HttpRequest swap =
          HttpRequest.newBuilder(URI.create(ended.address() + "/swap?model=tiny"))
              .header("Authorization", "Bearer owners")
              .POST(HttpRequest.BodyPublishers.ofString(FORM))
              .build();
      assertEquals(503, ended.send(swap).statusCode());
      assertThat(ended.changes.asked).isEmpty();
    }
  }
}
